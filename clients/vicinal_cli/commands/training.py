"""`vicinal train`, `vicinal train-grid` and `vicinal export-encoder`.

Their options and their help live with the training package. It is not imported here: the command becomes it.
"""

from __future__ import annotations

import os
import sys

import typer

from vicinal_cli.needs import TRAIN, require

__all__ = ["PASSED_ON", "export_encoder", "train", "train_grid"]

PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
"""Settings of a command whose every argument, `--help` too, belongs to another program."""


def train(context: typer.Context) -> None:
    """Adapt a vision transformer to your images, without labels."""
    _become("train", context.args)


def train_grid(context: typer.Context) -> None:
    """Try learning rates, weight decays and momenta, each for a short while."""
    _become("train-grid", context.args)


def export_encoder(context: typer.Context) -> None:
    """Turn a trained or a published encoder into a file for `vicinal up --encoder`."""
    _become("export-encoder", context.args)


def _become(command: str, arguments: list[str]) -> None:
    """Replace this process by the training package's command.

    Raises:
        CliError: the extras `train` and `embed` (or `gpu`) are not installed.
    """
    require(f"vicinal {command}", "train,embed", *TRAIN)
    sys.stdout.flush()
    words = [sys.executable, "-m", "embed_service.training", command, *arguments]
    os.execv(sys.executable, words)  # noqa: S606
