"""What is measured while a run goes on, and what is said of it."""

from __future__ import annotations

import time

import torch
from accelerate import Accelerator
from torch import Tensor

from embed_service.training.data.pictures import Pictures
from embed_service.training.loop.display import Display
from embed_service.training.loop.metrics import Metrics, Row
from embed_service.training.loop.probe import probe
from embed_service.training.loop.settings import Watch
from embed_service.training.loop.spread import ALARM, CollapseAlarm, spread
from embed_service.training.loop.trainer import Done, Trainer

__all__ = ["Watcher"]


class Watcher:
    """Follows one run in one process.

    Args:
        trainer: whose encoder is probed.
        count: how many pictures are trained on.
        pictures: that are probed.
        watch: what is watched, and how often.
        display: where it is shown.
        metrics: where it is written.
        accelerator: gives the probe's precision.

    Attributes:
        knn: accuracy at the last probe, 0…1, or None.
        collapsed: the alarm rang.
        lost: the loss is no number any more.
    """

    def __init__(
        self,
        trainer: Trainer,
        count: int,
        pictures: Pictures,
        watch: Watch,
        display: Display,
        metrics: Metrics,
        accelerator: Accelerator,
    ) -> None:
        self._trainer, self._count, self._pictures, self._watch = trainer, count, pictures, watch
        self._display, self._metrics, self._accelerator = display, metrics, accelerator
        self._alarm = CollapseAlarm()
        self._losses: list[Tensor] = []
        self._since = time.monotonic()
        self.knn: float | None = None
        self.collapsed = False
        self.lost = False

    def begin(self) -> None:
        """Measure the encoder before its first step."""
        self.knn = self._probe()
        self._tell(Row(0, 0.0, knn=self.knn))

    def stepped(self, done: int, step: Done) -> None:
        """Take in that `done` steps are done, the last of which was `step`."""
        self._losses.append(step.loss)
        self._display.stepped(done)
        steps, every = self._trainer.settings.steps, self._watch.probe_every
        probing = done == steps or (every > 0 and done % every == 0)
        if not probing and done % self._watch.log_every:
            return
        loss = float(torch.stack(self._losses).mean())
        pace = len(self._losses) / max(time.monotonic() - self._since, 1e-9)
        wide = spread(step.features)
        self.sound(done, step)
        if probing:
            self.knn = self._probe()
        epoch = done * self._trainer.settings.batch / self._count
        probed = self.knn if probing else None
        self._tell(Row(done, epoch, loss, wide, step.learning_rate, step.momentum, pace, probed))
        if self._alarm.heard(wide):
            self.collapsed = True
            self._display.say(
                f"collapse: the embeddings' spread is {wide:.4f}, below {ALARM}: all images have nearly the "
                "same vector. A larger tau, a smaller learning rate or more warm-up may help."
            )

    def sound(self, done: int, step: Done) -> bool:
        """Return whether the loss of `step`, the last of `done`, is a number; say so where it is not."""
        if torch.isfinite(step.loss):
            return True
        if not self.lost:
            self.lost = True
            self._display.say(
                f"after {done} steps the loss is no number, and will not be one again; what was saved before "
                "is kept. A smaller learning rate, more warm-up, --clip or --precision float32 may help."
            )
        return False

    def pause(self, seconds: float) -> None:
        """Do not count `seconds`, just spent, as training."""
        self._since += seconds

    def _tell(self, row: Row) -> None:
        self._metrics.write(row)
        self._display.show(row)
        self._losses = []
        self._since = time.monotonic()

    def _probe(self) -> float | None:
        encoder = self._trainer.encoder
        autocast = self._accelerator.autocast()
        model = self._trainer.learner.encoder
        return probe(model, encoder.preprocessing, self._pictures, self._watch.probe_images, autocast)
