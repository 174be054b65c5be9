"""The demo from end to end: services, images, annotator, control, planted errors."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vicinal_cli.adding.samples import add_vectors
from vicinal_cli.connect import embed_client, graph_client
from vicinal_cli.console import note, progress, stdout, warn_of
from vicinal_cli.demo.findings import Findings, Spread, spread_of
from vicinal_cli.demo.noise import RATE, THRESHOLDS, Hunt, hunt
from vicinal_cli.demo.play import STAGES, Point, class_accuracies, play
from vicinal_cli.demo.stack import Stack
from vicinal_cli.embedding import Embedding
from vicinal_cli.errors import CliError
from vicinal_cli.files.folders import Folder, ImageFile
from vicinal_cli.files.vector_set import VectorSet
from vicinal_client import EmbedClient, GraphClient, Model, Strategy

__all__ = ["DRAWS", "check_folder", "run"]

DRAWS = 5
"""Plays with random suggestions: one alone may be lucky."""

_LEAST = 20
"""Images without which there is nothing to show."""
_SUGGESTED, _RANDOM, _NOISY = "suggested", "random", "noisy"
_SEED = 0
_LIBRARIES = ("vicinal", "numpy", "scipy", "numba", "hnswlib", "onnxruntime", "grpcio")


class Stopwatch:
    """Seconds that named parts of the work took, in order."""

    def __init__(self) -> None:
        self.laps: list[tuple[str, float]] = []

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        self.laps.append((name, time.perf_counter() - start))


def check_folder(folder: Folder) -> None:
    """Check that the images lie in at least two sub-folders, one a class, and are enough.

    Raises:
        CliError: they are not.
    """
    hint = "the demo wants a folder with one sub-folder of images a class, whose names it takes as the truth"
    if len(folder.classes) < 2:
        raise CliError(f"{folder.root}: {len(folder.classes)} sub-folders with images", hint)
    count = sum(image.class_name is not None for image in folder.images)
    if count < _LEAST:
        raise CliError(
            f"{folder.root}: {count} images in its sub-folders, at least {_LEAST} are needed", hint
        )


def run(services: Stack, folder: Folder, watch: Stopwatch, command: str) -> Findings:
    """Play the demo on the images of `folder`, telling what comes of it as it goes.

    Args:
        services: fresh ones; three datasets are made there.
        folder: images in one sub-folder a class.
        watch: counts the time.
        command: what the user typed.
    """
    with embed_client(services.embed) as embedder, graph_client(services.graph) as client:
        model = embedder.model()
        images, vectors = _embedded(embedder, model, folder, watch)
        truth = {image.id: image.class_name or "" for image in images}
        classes = tuple(sorted(set(truth.values())))
        with watch.lap("adding the samples to three datasets"):
            for name in (_SUGGESTED, _RANDOM, _NOISY):
                client.create_dataset(
                    name, dimension=model.dimension, classes=classes, encoder_digest=model.encoder_digest
                )
                add_vectors(client, name, vectors)
        suggested, control = _plays(client, truth, watch)
        return Findings(
            pictures={image.id: image.path for image in images},
            truth=truth,
            classes=classes,
            suggested=suggested,
            random=control,
            draws=DRAWS,
            class_accuracy=class_accuracies(client, _SUGGESTED, truth, suggested[-1].labelled),
            hunt=_hunt(client, truth, watch),
            facts=_facts(client, model, truth),
            timings=watch.laps,
            command=command,
        )


def _embedded(
    embedder: EmbedClient, model: Model, folder: Folder, watch: Stopwatch
) -> tuple[Sequence[ImageFile], VectorSet]:
    images = [image for image in folder.images if image.class_name is not None]
    embedding = Embedding(embedder, model.encoder_digest)
    with watch.lap(f"embedding {len(images)} images"), progress("embedding") as tell:
        found = embedding.all(images, tell)
    warn_of([*folder.refused, *embedding.refused], "images could not be embedded")
    seconds = watch.laps[-1][1]
    note(f"embedded {len(images)} images in {seconds:.1f} s, {1000 * seconds / len(images):.1f} ms an image")
    return found


def _plays(
    client: GraphClient, truth: Mapping[str, str], watch: Stopwatch
) -> tuple[list[Point], list[Spread]]:
    """Play with the service's suggestions, then the control, printing the accuracy at the stages."""
    stdout.print("\n[bold]accuracy on the unlabelled images, labelling what is suggested")
    suggested = []
    with watch.lap("labelling what is suggested"):
        for point in play(client, _SUGGESTED, truth, None, _SEED):
            suggested.append(point)
            if point.labels in STAGES:
                stdout.print(f"  {point.labels:4} labels  {point.accuracy:6.1%}")
    plays = []
    with watch.lap(f"labelling at random, {DRAWS} times"):
        for draw in range(DRAWS):
            points = list(play(client, _RANDOM, truth, Strategy.RANDOM, _SEED + 1000 * (draw + 1)))
            client.remove_labels(_RANDOM, points[-1].labelled)
            plays.append(points)
    control = spread_of(plays)
    stdout.print(f"[bold]the control: the same with samples drawn at random, mean of {DRAWS} draws")
    for spread in control:
        if spread.labels in STAGES:
            stdout.print(
                f"  {spread.labels:4} labels  {spread.mean:6.1%}  ({spread.low:.1%} to {spread.high:.1%})"
            )
    return suggested, control


def _hunt(client: GraphClient, truth: Mapping[str, str], watch: Stopwatch) -> Hunt:
    with watch.lap("planting wrong labels and flagging"):
        found = hunt(client, _NOISY, truth, _SEED)
    stdout.print(f"[bold]wrong labels: {len(found.wrong)} of {len(truth)} ({RATE:.0%}) planted at random")
    default = found.by_default
    for catch in (default, *map(found.at, THRESHOLDS)):
        remark = "  (the default)" if catch is default else ""
        stdout.print(
            f"  suspicion ≥ {catch.suspicion:.2f}  {catch.flagged:5} flagged, "
            f"precision {catch.precision:6.1%}, recall {catch.recall:6.1%}{remark}"
        )
    stdout.print(f"  average precision of the ranking by suspicion {found.average_precision:6.1%}")
    return found


def _facts(client: GraphClient, model: Model, truth: Mapping[str, str]) -> list[tuple[str, str]]:
    dataset = client.get_dataset(_SUGGESTED)
    return [
        ("images", f"{len(truth)} in {len(dataset.classes)} classes"),
        ("encoder", f"{model.name}, {model.dimension} numbers a vector, digest {model.encoder_digest}"),
        ("inference", model.provider),
        ("graph", f"{dataset.neighbours} neighbours a sample, index {dataset.index}"),
        ("beliefs", f"{dataset.method.value}, T {dataset.temperature or 'from the data'}"),
        ("machine", f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} CPUs"),
        ("Python", platform.python_version()),
        ("versions", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def sample_folder(where: Path) -> Path:
    """Write the project's own sample of images to `where`, one sub-folder a class, and return it."""
    from vicinal_cli.demo.sample import unpack

    where.mkdir(parents=True)
    unpack(where)
    return where
