"""Which dataset of vicinal's a FiftyOne dataset belongs to: settings, kept in the dataset's own `info`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import fiftyone as fo

from vicinal_fiftyone.errors import FiftyOneError

__all__ = ["ANNOTATOR", "Collection", "Link", "linked", "remember", "root_of", "vicinal_name"]

Collection: TypeAlias = fo.Dataset | fo.DatasetView
"""A FiftyOne dataset or a view of one."""

ANNOTATOR = "fiftyone"
"""Who states the labels that come from FiftyOne, unless the caller names somebody."""
_KEY = "vicinal"


@dataclass(frozen=True)
class Link:
    """Where a FiftyOne dataset's samples and labels go.

    Attributes:
        name: dataset of the graph service.
        label_field: FiftyOne's Classification field with the labels; None for none yet.
        annotator: who states the field's labels.
        prefix: what the fields and saved views that `pull` writes begin with.
    """

    name: str
    label_field: str | None = None
    annotator: str = ANNOTATOR
    prefix: str = "vicinal"

    def field(self, name: str) -> str:
        """Return the name of one of vicinal's fields, e.g. "vicinal_belief"."""
        return f"{self.prefix}_{name}"


def linked(samples: Collection, **given: str | None) -> Link:
    """Return the dataset's settings, with those that are `given` and not None in place of the kept ones.

    Raises:
        FiftyOneError: `samples` are no images, or patches and the like, or nothing of the FiftyOne dataset's
            name can be a name in vicinal.
    """
    if type(samples) not in (fo.Dataset, fo.DatasetView):
        raise FiftyOneError(f"a dataset or a view of whole samples is needed, not {type(samples).__name__}")
    dataset = root_of(samples)
    if dataset.media_type not in (fo.core.media.IMAGE, None):
        raise FiftyOneError(f"the dataset {dataset.name!r} holds {dataset.media_type}s; vicinal knows images")
    settings: dict[str, Any] = dict(dataset.info.get(_KEY, {}))
    settings |= {key: value for key, value in given.items() if value is not None}
    settings.setdefault("name", vicinal_name(dataset.name))
    if not settings["name"]:
        raise FiftyOneError(f"the dataset {dataset.name!r} needs a name in vicinal: give one")
    return Link(**settings)


def remember(samples: Collection, link: Link) -> None:
    """Keep the settings in the dataset's `info`."""
    dataset = root_of(samples)
    if dataset.info.get(_KEY) != asdict(link):
        dataset.info[_KEY] = asdict(link)
        dataset.save()


def root_of(samples: Collection) -> fo.Dataset:
    """Return the dataset that `samples` are, or are a view of."""
    return samples._root_dataset


def vicinal_name(name: str) -> str:
    """Return `name` as the graph service allows names: letters, digits, '.', '_' and '-', at most 128.

    Every run of other characters becomes one '-'. Empty when nothing is left.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:128].rstrip("-._")
