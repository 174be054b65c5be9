"""A whole run: from images on disk to an encoder checkpoint.

The run's folder holds `run.json` (what the run is), `checkpoint.pt` (to resume from), `encoder.pt` (the
online encoder, see `backbones`), `metrics.csv` and TensorBoard's event files.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from embed_service.training.backbones import Encoder, build, load_encoder, save_encoder
from embed_service.training.data.pictures import open_pictures, split
from embed_service.training.data.source import Source, find
from embed_service.training.loop.checkpoint import read_checkpoint, write_checkpoint
from embed_service.training.loop.description import Images, Run, write_run
from embed_service.training.loop.display import Display
from embed_service.training.loop.interrupt import Interrupt, listening
from embed_service.training.loop.metrics import Metrics
from embed_service.training.loop.precision import mixed_precision
from embed_service.training.loop.trainer import Trainer
from embed_service.training.loop.watcher import Watcher

__all__ = ["CHECKPOINT", "DESCRIPTION", "ENCODER", "Outcome", "train"]

CHECKPOINT = "checkpoint.pt"
DESCRIPTION = "run.json"
ENCODER = "encoder.pt"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        done: steps that are done.
        knn: accuracy at the last probe, 0…1; None without labels, and in all processes but the first.
        collapsed: the alarm rang, or the loss is no number any more.
        finished: all steps are done, and the loss is a number; otherwise the run can be resumed.
        main: this is the first process, or the only one.
    """

    done: int
    knn: float | None
    collapsed: bool
    finished: bool
    main: bool


def train(run: Run, folder: Path, quiet: bool = False) -> Outcome:
    """Run, or go on with, what `run` describes.

    Args:
        run: the description; where `folder` holds a checkpoint, the one it was begun with.
        folder: of the run; made if need be.
        quiet: show no progress.

    Raises:
        TrainingError: see its parts.
        OSError: the folder cannot be written.
    """
    settings, source = run.settings, _source(run.images)
    accelerator = Accelerator(cpu=run.cpu, mixed_precision=mixed_precision(settings.precision, run.cpu))
    main = accelerator.is_main_process
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        interrupt = stack.enter_context(listening())
        done, state = _resumed(folder)
        encoder = _begun(run) if state is None else load_encoder(folder / ENCODER)
        display = Display(settings.steps, done, quiet=quiet or not main)
        limit = int(run.images.memory_gib * 2**30)
        pictures = open_pictures(source, encoder.preprocessing, limit, display.say if main else _said_once)
        pictures, probed = split(pictures, run.images.held_out)
        trainer = Trainer(encoder, pictures, settings, accelerator)
        stack.callback(trainer.close)
        if state is not None:
            trainer.restore(state)
        watcher = None
        if main:
            if state is None:
                write_run(folder / DESCRIPTION, run)
            metrics = stack.enter_context(Metrics(folder, done))
            stack.enter_context(display)
            watcher = Watcher(trainer, len(pictures), probed, run.watch, display, metrics, accelerator)
            if not done:
                watcher.begin()
        done = _steps(trainer, watcher, run, folder, done, interrupt, accelerator)
        lost = watcher is not None and watcher.lost
        if main and done < settings.steps and not lost:
            display.say(f"stopped after {done} of {settings.steps} steps; go on with --resume {folder}")
    knn, collapsed = (watcher.knn, watcher.collapsed) if watcher else (None, False)
    return Outcome(done, knn, collapsed or lost, done == settings.steps and not lost, main)


def _steps(
    trainer: Trainer,
    watcher: Watcher | None,
    run: Run,
    folder: Path,
    done: int,
    interrupt: Interrupt,
    accelerator: Accelerator,
) -> int:
    """Do the steps that are left; return how many are done."""
    steps, watch = run.settings.steps, run.watch
    while done < steps:
        step = trainer.step(done)
        done += 1
        if watcher:
            watcher.stepped(done, step)
            if watcher.lost or (watcher.collapsed and watch.stop_on_collapse):
                interrupt.asked = True
        stopping = interrupt.agreed(accelerator)
        keeping = stopping or done == steps or done % watch.checkpoint_every == 0
        if watcher and keeping and watcher.sound(done, step):
            started = time.monotonic()
            _keep(trainer, folder, done)
            watcher.pause(time.monotonic() - started)
        if stopping:
            break
    return done


def _keep(trainer: Trainer, folder: Path, done: int) -> None:
    # In this order: a checkpoint is never without the encoder's file, which says what the checkpoint is of.
    save_encoder(folder / ENCODER, trainer.encoder._replace(model=trainer.learner.encoder))
    write_checkpoint(folder / CHECKPOINT, done, trainer.state())


def _said_once(sentence: str) -> None:
    """Leave `sentence` to the first process, which finds the same."""


def _begun(run: Run) -> Encoder:
    torch.manual_seed(run.settings.seed)
    return build(run.backbone, run.weights, run.fit)


def _resumed(folder: Path) -> tuple[int, dict[str, object] | None]:
    path = folder / CHECKPOINT
    return read_checkpoint(path) if path.exists() else (0, None)


def _source(images: Images) -> Source:
    labels = Path(images.labels) if images.labels else None
    return find(Path(images.folder), images.tile, labels, images.count)
