"""Presets, options, the grid, and the command line as a process."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from embed_service.training import grid as grids
from embed_service.training.__main__ import app
from embed_service.training.backbones import PRETRAINED, SCRATCH, build
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.errors import TrainingError
from embed_service.training.grid import GRID_CSV, Cell, Outcome, Result, best, cells, run_grid
from embed_service.training.loop.description import Run, read_run
from embed_service.training.loop.run import DESCRIPTION, ENCODER
from embed_service.training.loop.settings import Watch
from embed_service.training.presets import PRESETS

Describe = Callable[..., Run]

# fmt: off
TINY = [
    "--preset", "scratch-tiny", "--image-size", "16", "--patch-size", "8", "--dimension", "16",
    "--depth", "1", "--heads", "2", "--batch", "16", "--hidden", "32", "--projection", "16", "--cpu",
    "--precision", "float32",
]
CHANGES = [
    "--steps", "300", "--tau", "0.9", "--lr", "0.5", "--image-size", "64", "--hidden", "7", "--fit",
    "stretch", "--seed", "3",
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "steps", "learning_rate", "weight_decay", "tau"),
    [("cifar10", 3000, 2.3e-5, 5e-4, 0.998), ("cifar100", 5000, 4.6e-5, 2.1e-6, 0.9993)],
)
def test_the_papers_presets(
    name: str, steps: int, learning_rate: float, weight_decay: float, tau: float
) -> None:
    preset = PRESETS[name]
    assert (preset.backbone.name, preset.weights) == ("beit_base_patch16_224", PRETRAINED)
    assert preset.backbone.overrides() == {}
    chosen = preset.settings
    assert (chosen.steps, chosen.batch, chosen.learning_rate) == (steps, 64, learning_rate)
    assert (chosen.weight_decay, chosen.tau) == (weight_decay, tau)
    assert chosen.heads == HeadSizes(4096, 256)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.weights == SCRATCH])
def test_presets_from_scratch_are_for_small_images(name: str) -> None:
    encoder = build(PRESETS[name].backbone)
    assert encoder.preprocessing.size == 32
    features = encoder.model.eval()(torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, PRESETS[name].backbone.dimension)


def test_options_change_the_preset_and_nothing_else(
    pictures_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Run] = []

    def stand_in(run: Run, folder: Path) -> Outcome:
        seen.append(run)
        return Outcome(1, None, False, True, True)

    monkeypatch.setattr("embed_service.training.commands.train.train", stand_in)
    monkeypatch.chdir(pictures_folder.parent)
    common = ["train", "--images", pictures_folder.name, "--out", str(tmp_path)]
    for more in ([], CHANGES):
        assert CliRunner().invoke(app, [*common, *more]).exit_code == 0
    plain, changed = seen
    paper = PRESETS["cifar10"]
    assert (plain.backbone, plain.weights, plain.settings) == (paper.backbone, PRETRAINED, paper.settings)
    assert plain.watch == Watch()
    # A run that is resumed from somewhere else finds its pictures.
    assert plain.images.folder == str(pictures_folder)
    assert changed.settings == replace(
        paper.settings, steps=300, warm_up=30, tau=0.9, learning_rate=0.5, heads=HeadSizes(7, 256), seed=3
    )
    assert changed.backbone == replace(paper.backbone, image_size=64)
    assert changed.fit == "stretch"


def test_the_command_trains_and_leaves_a_run_alone(pictures_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "--images", str(pictures_folder), "--out", str(out), "--steps", "2", *TINY]
    done = subprocess.run(
        [sys.executable, "-m", "embed_service.training", *words],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "k-NN accuracy" in done.stdout
    assert f"wrote {out / ENCODER}" in done.stdout
    assert "step 2/2" in done.stderr
    assert read_run(out / DESCRIPTION).settings.steps == 2
    again = CliRunner().invoke(app, words)
    assert isinstance(again.exception, TrainingError)
    assert f"go on with it by --resume {out}" in str(again.exception)
    further = ["train", "--images", str(pictures_folder), "--weights", str(out / ENCODER), "--steps", "1"]
    more = ["--out", str(tmp_path / "more"), "--batch", "16", "--cpu", "--precision", "float32"]
    begun = CliRunner().invoke(app, [*further, *more])
    assert begun.exit_code == 0, begun.output
    assert read_run(tmp_path / "more" / DESCRIPTION).backbone == read_run(out / DESCRIPTION).backbone
    resumed = CliRunner().invoke(app, ["train", "--resume", str(out)])
    assert resumed.exit_code == 0
    assert f"wrote {out / ENCODER}" in resumed.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "say which images with --images DIR"),
        (["train", "--images", "x", "--preset", "none"], "there is no preset 'none'; known are cifar10"),
        (["train", "--images", "/no/such/folder", *TINY], "there is no folder /no/such/folder"),
        (["train", "--resume", "/no/such/run"], "describes no run"),
        (["train-grid", "--images", "x", "--lr", "0"], "learning rate is 0.0, expected above 0"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, [*arguments, *([] if "--resume" in arguments else ["--out", str(tmp_path)])]
    )
    assert isinstance(result.exception, TrainingError)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


def test_help_names_the_commands_as_users_type_them() -> None:
    for command in ("train", "train-grid", "export-encoder"):
        result = CliRunner().invoke(app, [command, "--help"], prog_name="vicinal", env={"COLUMNS": "200"})
        assert result.exit_code == 0
        assert f"Usage: vicinal {command}" in result.stdout


def test_a_grid_is_every_combination_once() -> None:
    made = cells([1e-3, 1e-4], [0.1], [0.9, 0.99, 0.9])
    assert made == [Cell(1e-3, 0.1, 0.9), Cell(1e-3, 0.1, 0.99), Cell(1e-4, 0.1, 0.9), Cell(1e-4, 0.1, 0.99)]
    assert len({cell.name for cell in made}) == 4


def test_the_best_cell_is_chosen_by_neighbours_and_by_nothing_else() -> None:
    cell = Cell(1, 0, 0)
    results = [
        Result(cell, 1, 0.1, 0.5, 0.40, False),
        Result(cell, 1, 2.0, 0.5, 0.60, False),
        Result(cell, 1, 0.0, 0.0, 0.99, True),
    ]
    assert best(results) is results[1]
    assert best([result._replace(knn=None) for result in results]) is None


def test_a_stopped_grid_goes_on(tmp_path: Path, tiny_run: Describe, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(Watch(probe_every=0, probe_images=96, stop_on_collapse=True), steps=2)
    choices = cells([1e-3, 1e-2], [0.0], [0.9])
    ran: list[str] = []
    train = grids.train

    def counted(run: Run, folder: Path) -> Outcome:
        ran.append(folder.name)
        if len(ran) == 2:
            return Outcome(1, None, False, False, True)
        return train(run, folder, quiet=True)

    monkeypatch.setattr(grids, "train", counted)
    told: list[str] = []
    assert [result.cell for result in run_grid(run, choices, tmp_path, told.append)] == choices[:1]
    assert told[-1] == "stopped; the same command goes on with cell 2"
    results = run_grid(run, choices, tmp_path, told.append)
    assert ran == [choices[0].name, choices[1].name, choices[1].name]
    assert [result.cell for result in results] == choices
    assert all(result.steps == 2 and result.knn is not None and not result.collapsed for result in results)
    assert run_grid(run, choices, tmp_path, told.append) == results
    with (tmp_path / GRID_CSV).open() as file:
        assert [float(row["learning_rate"]) for row in csv.DictReader(file)] == [1e-3, 1e-2]
    other = replace(run, settings=replace(run.settings, steps=3))
    with pytest.raises(TrainingError, match="other images or settings"):
        run_grid(other, choices, tmp_path, told.append)


def test_the_grids_command(pictures_folder: Path, tmp_path: Path) -> None:
    choices = ["--lr", "1e-3", "--lr", "1e-2", "--weight-decay", "0", "--tau", "0.9", "--steps", "2"]
    words = ["train-grid", "--images", str(pictures_folder), "--out", str(tmp_path), *choices, *TINY]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "cell 2 of 2" in done.stderr
    assert f"wrote {tmp_path / GRID_CSV}" in done.stdout
    assert "best: --lr " in done.stdout
