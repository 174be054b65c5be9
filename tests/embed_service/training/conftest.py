"""Small pictures in folders, a transformer that learns in seconds, and runs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from embed_service.training.backbones import SCRATCH, BackboneSpec
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.loop.description import Images, Run
from embed_service.training.loop.settings import Settings, Watch

SIDE = 16
CLASSES = ("disc", "stripes", "blobs")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny products are faster on one core, and the machine's other tests want theirs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(kind: str, random: np.random.Generator) -> Image.Image:
    """A picture of one of `CLASSES`, different each time."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    colours = random.uniform(0, 1, (2, 3))
    if kind == "disc":
        centre, radius = random.uniform(0.35, 0.65, 2), random.uniform(0.2, 0.35)
        mask = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    elif kind == "stripes":
        mask = np.sin(2 * np.pi * (random.uniform(2, 4) * (x if random.random() < 0.5 else y))) > 0
    else:
        mask = random.random((SIDE, SIDE)) < 0.5
    pixels = np.where(mask[:, :, None], colours[0], colours[1]) * 255
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="session")
def pictures_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 pictures in a folder a class."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for kind in CLASSES:
        (folder / kind).mkdir()
        for number in range(32):
            drawn(kind, random).save(folder / kind / f"{number:02}.png")
    return folder


@pytest.fixture
def tiny_run(pictures_folder: Path) -> Callable[..., Run]:
    """Makes the description of a run of seconds; keyword arguments change its settings."""

    def describe(watch: Watch | None = None, **changed: Any) -> Run:
        settings = Settings(
            steps=12, batch=16, learning_rate=1e-3, weight_decay=1e-2, tau=0.9, precision="float32",
            heads=HeadSizes(64, 32), least_crop=0.3,
        )  # fmt: skip
        return Run(
            Images(str(pictures_folder)),
            BackboneSpec("vit_tiny_patch16_224", SIDE, 4, dimension=32, depth=2, heads=2, pool="avg"),
            SCRATCH,
            "crop",
            replace(settings, **changed),
            watch or Watch(log_every=1, probe_every=0, probe_images=96, checkpoint_every=1000),
            cpu=True,
        )

    return describe
