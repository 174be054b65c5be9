"""One step after another. Knows no files: see `run`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from embed_service.training.backbones import Encoder
from embed_service.training.byol import schedules
from embed_service.training.byol.learner import Learner, Step
from embed_service.training.data.pictures import Pictures
from embed_service.training.errors import TrainingError
from embed_service.training.loop.feeder import Feeder, Part
from embed_service.training.loop.optimiser import adamw
from embed_service.training.loop.probe import normalised
from embed_service.training.loop.settings import Settings
from embed_service.training.views.randomness import uniforms
from embed_service.training.views.recipes import DRAWS, recipes, view

__all__ = ["Done", "Trainer"]


class Done(NamedTuple):
    """One step that was done.

    Attributes:
        loss: eq. 1, of this process's images; a scalar on the device.
        features: of both views of the last part (2n, d), on the device.
        learning_rate: that the step took.
        momentum: with which the target moved.
    """

    loss: Tensor
    features: Tensor
    learning_rate: float
    momentum: float


class Trainer:
    """BYOL of one encoder on some pictures, shared by as many processes as were launched.

    Args:
        encoder: to train; it is changed in place.
        pictures: to train on.
        settings: how.
        accelerator: device, precision and the other processes.

    Raises:
        TrainingError: there are fewer pictures than a batch takes, or a batch does not divide.
    """

    def __init__(
        self, encoder: Encoder, pictures: Pictures, settings: Settings, accelerator: Accelerator
    ) -> None:
        _check_division(len(pictures), settings, accelerator.num_processes)
        self.encoder = encoder
        self.settings = settings
        self._accelerator = accelerator
        self._recipes = recipes(settings.least_crop, settings.flip)
        self._feeder = Feeder(
            pictures,
            settings.batch,
            settings.seed,
            accelerator.process_index,
            accelerator.num_processes,
            settings.accumulate,
        )
        dimension: Any = encoder.model.num_features
        learner: Any = Learner(encoder.model, dimension, settings.heads).train()
        if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
            learner = nn.SyncBatchNorm.convert_sync_batchnorm(learner)  # type: ignore[no-untyped-call]
        optimiser = adamw(learner, settings.weight_decay)
        self._module, self._optimiser = accelerator.prepare(learner, optimiser)

    @property
    def learner(self) -> Learner:
        """Online and target network, as they are."""
        learner: Learner = self._accelerator.unwrap_model(self._module)
        return learner

    def step(self, number: int) -> Done:
        """Do step `number`, counted from 0: views, loss, AdamW, then the target.

        Raises:
            TrainingError: an image cannot be read.
        """
        settings = self.settings
        rate = schedules.learning_rate(number, settings.steps, settings.learning_rate, settings.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        done = self._backward(self._feeder.parts(number))
        if settings.clip:
            self._accelerator.clip_grad_norm_(self._module.parameters(), settings.clip)
        self._optimiser.step()
        self._optimiser.zero_grad()
        tau = schedules.momentum(number, settings.steps, settings.tau)
        self.learner.update_target(tau)
        return Done(done.loss, done.features, rate, tau)

    def state(self) -> dict[str, Any]:
        """Return weights and moments as plain values and tensors."""
        scaler = self._accelerator.scaler
        return {
            "learner": self.learner.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": scaler.state_dict() if scaler else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.learner.load_state_dict(state["learner"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._accelerator.scaler and state["scaler"]:
            self._accelerator.scaler.load_state_dict(state["scaler"])

    def close(self) -> None:
        """Let go of the threads."""
        self._feeder.close()

    def _backward(self, parts: list[Part]) -> Step:
        total = torch.zeros((), device=self._accelerator.device)
        features = total
        for part in parts:
            with ExitStack() as stack:
                if part is not parts[-1]:
                    stack.enter_context(self._accelerator.no_sync(self._module))
                step: Step = self._module(*self._views(part))
                loss = step.loss / len(parts)
                self._accelerator.backward(loss)
            total = total + loss.detach()
            features = step.features
        return Step(total, features)

    def _views(self, part: Part) -> tuple[Tensor, Tensor]:
        device, form = self._accelerator.device, self.encoder.preprocessing
        pixels = part.pixels.to(device, non_blocking=True)
        both = []
        for place, recipe in enumerate(self._recipes):
            draws = uniforms(self.settings.seed, part.epoch, place, part.indices, DRAWS)
            shown = view(pixels, recipe, torch.from_numpy(draws).to(device), form.size)
            both.append(normalised(shown, form))
        return both[0], both[1]


def _check_division(count: int, settings: Settings, processes: int) -> None:
    if count < settings.batch:
        raise TrainingError(f"a batch takes {settings.batch} images, but there are {count}")
    shares = processes * settings.accumulate
    if settings.batch % shares or settings.batch // shares < 2:
        raise TrainingError(
            f"a batch of {settings.batch} does not divide into {shares} parts of two or more "
            f"({processes} processes × {settings.accumulate} accumulated)"
        )
