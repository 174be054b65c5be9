"""What is to be loaded: a service that runs already or one of its own, and a dataset, filled if it is new."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vicinal_cli.connect import graph_client
from vicinal_cli.console import note, progress
from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.orders import Subject
from vicinal_cli.loadtest.synthetic import Synthetic
from vicinal_cli.needs import GRAPH, require
from vicinal_cli.up.alone import FIRST_START, graph_alone
from vicinal_client import Dataset, GraphClient, Label, Method

__all__ = ["Filling", "Target", "opened"]

_PART = 1_000
"""Samples generated at one time."""
_IDS = 10_000
"""Samples that annotators choose from when nothing is suggested, at most."""


@dataclass(frozen=True)
class Target:
    """Where the load goes.

    Attributes:
        address: HOST:PORT of a service that runs; None starts one.
        folder: where a service of its own keeps its files; None takes a temporary folder.
        dataset: its name.
        keep: whether a dataset that was made stays on a service that runs.
    """

    address: str | None
    folder: Path | None
    dataset: str
    keep: bool


@dataclass(frozen=True)
class Filling:
    """What a new dataset is filled with.

    Attributes:
        samples: how many.
        dimension: of their vectors.
        classes: how many.
        neighbours: k.
        method: how labels become beliefs; None takes the service's default.
        labelled: share of the samples that get a label first.
        seed: of the samples and of which are labelled.
    """

    samples: int
    dimension: int
    classes: int
    neighbours: int
    method: Method | None
    labelled: float
    seed: int


@contextmanager
def opened(target: Target, filling: Filling) -> Iterator[tuple[Subject, Dataset]]:
    """Yield what is to be loaded, and the dataset as it stands; what was made for it goes afterwards.

    Raises:
        CliError: the service cannot be reached or started, or the dataset cannot be loaded.
        VicinalError: it cannot be filled.
    """
    with ExitStack() as held:
        address = target.address or held.enter_context(_service(target.folder))
        client = held.enter_context(graph_client(address, "--target"))
        dataset = next((one for one in client.list_datasets() if one.name == target.dataset), None)
        if dataset is None:
            _fill(client, target.dataset, filling)
            if target.address and not target.keep:
                held.callback(client.delete_dataset, target.dataset)
        elif target.address:
            note(
                f"the dataset {target.dataset!r} is loaded as it is; the labels and samples of the load stay"
            )
        dataset = client.get_dataset(target.dataset)
        if dataset.sample_count == 0:
            raise CliError(
                f"the dataset {target.dataset!r} is empty", "add samples, or choose another --dataset."
            )
        page = next(client.iter_beliefs(target.dataset, page_size=_IDS))
        subject = Subject(
            address,
            dataset.name,
            dataset.classes,
            dataset.dimension,
            dataset.encoder_digest,
            dataset.sample_count,
            page.sample_ids,
            filling.seed,
        )
        yield subject, dataset


@contextmanager
def _service(folder: Path | None) -> Iterator[str]:
    require("vicinal loadtest without --target", "graph", *GRAPH)
    place = folder or Path(tempfile.mkdtemp(prefix="vicinal-loadtest-"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        note(f"starting a graph service with an embedded store; {FIRST_START}")
        with graph_alone(place) as address:
            yield address
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _fill(client: GraphClient, name: str, filling: Filling) -> None:
    """Make the dataset, add samples and the first labels, and propagate once."""
    source = Synthetic(filling.dimension, filling.classes, filling.seed)
    classes = [f"class-{index}" for index in range(filling.classes)]
    client.create_dataset(
        name,
        dimension=filling.dimension,
        classes=classes,
        neighbours=filling.neighbours,
        method=filling.method,
    )
    with progress(f"adding {filling.samples:,} samples") as tell:
        for start in range(0, filling.samples, _PART):
            stop = min(start + _PART, filling.samples)
            client.add_samples(name, source.ids(start, stop), source.vectors(start, stop))
            tell(stop, filling.samples)
    first = source.labelled(filling.samples, filling.labelled)
    labels = [
        Label(source.ids(number, number + 1)[0], classes[number % filling.classes], "loadtest-first")
        for number in first
    ]
    client.add_labels(name, labels)
    with progress("the first propagation"):
        client.propagate(name)
