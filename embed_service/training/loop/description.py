"""What a run is, as a file beside its checkpoint, so that it can be resumed without saying it all again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from embed_service.training.backbones import BackboneSpec
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.errors import TrainingError
from embed_service.training.loop.settings import Settings, Watch

__all__ = ["Images", "Run", "read_run", "write_run"]


@dataclass(frozen=True)
class Images:
    """Which images a run trains on; see `data.source.find`.

    Attributes:
        folder: where they are.
        tile: side of a sheet's tiles in pixels, or None.
        labels: file of their labels, or None.
        count: only so many, from the first, or None for all.
        memory_gib: most memory for their pixels.
        held_out: so many are not trained on, and the probe looks at these alone; 0: it looks at all.
    """

    folder: str
    tile: int | None = None
    labels: str | None = None
    count: int | None = None
    memory_gib: float = 4.0
    held_out: int = 0


@dataclass(frozen=True)
class Run:
    """Everything that is said of a run.

    Attributes:
        images: to train on.
        backbone: to train.
        weights: that it begins with; see `backbones.build`.
        fit: how pictures become square.
        settings: what decides the result.
        watch: what is watched.
        cpu: use no GPU.
    """

    images: Images
    backbone: BackboneSpec
    weights: str
    fit: str
    settings: Settings
    watch: Watch
    cpu: bool = False


def write_run(path: Path, run: Run) -> None:
    """Write `run` as JSON.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(json.dumps(asdict(run), indent=2) + "\n", encoding="utf-8")


def read_run(path: Path) -> Run:
    """Read what `write_run` wrote.

    Raises:
        TrainingError: there is no such file, or it describes no run.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        settings = values["settings"] | {"heads": HeadSizes(**values["settings"]["heads"])}
        return Run(
            Images(**values["images"]),
            BackboneSpec(**values["backbone"]),
            values["weights"],
            values["fit"],
            Settings(**settings),
            Watch(**values["watch"]),
            values["cpu"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} describes no run: {error}") from error
