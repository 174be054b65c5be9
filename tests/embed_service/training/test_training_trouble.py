"""Runs that collapse, diverge or are cut off, and what is refused before one begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from embed_service.training.errors import TrainingError
from embed_service.training.loop import run as runs
from embed_service.training.loop.checkpoint import read_checkpoint
from embed_service.training.loop.description import Run, read_run
from embed_service.training.loop.precision import mixed_precision
from embed_service.training.loop.run import CHECKPOINT, DESCRIPTION, train
from embed_service.training.loop.settings import Watch
from embed_service.training.loop.spread import CollapseAlarm, spread
from embed_service.training.loop.trainer import Trainer

Describe = Callable[..., Run]


def test_stop_on_collapse(tmp_path: Path, tiny_run: Describe, monkeypatch: pytest.MonkeyPatch) -> None:
    class Constant(nn.Module):
        """The same vector for every picture: what a collapsed encoder gives."""

        num_features = 8

        def __init__(self) -> None:
            super().__init__()
            self.vector = nn.Parameter(torch.ones(8))

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.vector.expand(len(batch), 8)

    build = runs.build
    monkeypatch.setattr(runs, "build", lambda *given: build(*given)._replace(model=Constant()))
    watch = Watch(log_every=1, checkpoint_every=1000, stop_on_collapse=True)
    outcome = train(tiny_run(watch, steps=50), tmp_path / "stopped", quiet=True)
    assert outcome.collapsed
    assert not outcome.finished
    assert outcome.done == 5
    outcome = train(tiny_run(replace(watch, stop_on_collapse=False), steps=8), tmp_path / "on", quiet=True)
    assert outcome.collapsed
    assert outcome.finished


def test_a_run_whose_loss_is_no_number_stops_and_keeps_what_it_had(
    tmp_path: Path, tiny_run: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def diverging(trainer: Trainer, done: int):
        if done == 5:
            next(trainer.learner.predictor.parameters()).data.fill_(torch.nan)
        return step(trainer, done)

    monkeypatch.setattr(Trainer, "step", diverging)
    outcome = train(tiny_run(Watch(log_every=50, checkpoint_every=2), steps=20), tmp_path, quiet=True)
    assert (outcome.done, outcome.collapsed, outcome.finished) == (7, True, False)
    done, state = read_checkpoint(tmp_path / CHECKPOINT)
    assert done == 4
    assert all(torch.isfinite(tensor).all() for tensor in state["learner"].values())


@pytest.mark.parametrize("last", ["save_encoder", "write_checkpoint"])
def test_a_run_that_ends_while_it_saves_can_begin_again(
    tmp_path: Path, tiny_run: Describe, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    def cut_off(*given: object) -> None:
        raise OSError("no space left")

    run = tiny_run(Watch(checkpoint_every=2), steps=3)
    with monkeypatch.context() as patch:
        patch.setattr(runs, last, cut_off)
        with pytest.raises(OSError, match="no space left"):
            train(run, tmp_path, quiet=True)
    assert train(run, tmp_path, quiet=True).finished


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp16")])
def test_auto_precision_takes_bfloat16_only_where_a_gpu_has_it(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    # Torch counts what is emulated too, unless it is told not to.
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native
    )
    assert mixed_precision("auto", cpu=False) == expected


def test_the_spread_tells_collapse_from_none() -> None:
    torch.manual_seed(0)
    assert spread(torch.randn(500, 64)) == pytest.approx(1, abs=0.05)
    assert spread(torch.ones(500, 64)) == pytest.approx(0, abs=1e-6)
    shared = torch.randn(1, 64) * 3
    wide = torch.randn(4000, 64) + shared
    unit = nn.functional.normalize(wide, dim=1)
    cosine = ((unit.sum(dim=0) ** 2).sum() - 4000) / (4000 * 3999)
    assert spread(wide) == pytest.approx((1 - cosine.item()) ** 0.5, rel=0.05)


def test_the_alarm_rings_once_for_each_collapse() -> None:
    alarm = CollapseAlarm(patience=3)
    heard = [alarm.heard(value) for value in (0.01, 0.01, 0.5, 0.01, 0.0, float("nan"), 0.01, 0.5, 0, 0, 0)]
    assert [place for place, rang in enumerate(heard) if rang] == [5, 10]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch": 97}, "a batch takes 97 images, but there are 96"),
        ({"batch": 16, "accumulate": 3}, "a batch of 16 does not divide into 3 parts"),
        ({"batch": 8, "accumulate": 8}, "does not divide into 8 parts of two or more"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(tmp_path: Path, tiny_run: Describe, changed, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        train(tiny_run(**changed), tmp_path, quiet=True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": 0}, "steps is 0, expected at least 1"),
        ({"batch": 1}, "batch is 1"),
        ({"learning_rate": 0.0}, "learning rate is 0.0, expected above 0"),
        ({"weight_decay": -1.0}, "weight decay is -1.0"),
        ({"tau": 1.5}, "tau is 1.5, expected 0 to 1"),
        ({"steps": 5, "warm_up": 5}, "warm-up is 5, expected 0 to 4, less than the steps"),
        ({"precision": "float8"}, "precision is float8, expected one of"),
        ({"least_crop": 0.0}, "least crop is 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(tiny_run: Describe, changed, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        tiny_run(**changed)


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="describes no run"):
        read_run(tmp_path / DESCRIPTION)


def test_damaged_checkpoints_are_refused(tmp_path: Path, tiny_run: Describe) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="cannot be read as a checkpoint"):
        train(tiny_run(), tmp_path, quiet=True)
