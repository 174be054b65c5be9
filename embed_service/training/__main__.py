"""`python -m embed_service.training COMMAND`; `vicinal COMMAND` does the same."""

from __future__ import annotations

import os
import sys

import typer

from embed_service.training.commands.grid import grid_command
from embed_service.training.commands.train import train_command
from embed_service.training.errors import TrainingError
from embed_service.training.export.command import export_encoder

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train_command)
app.command("train-grid")(grid_command)
app.command("export-encoder")(export_encoder)


@app.callback()
def _commands() -> None:
    """Make an encoder of your own: train it, then export it for the service."""


def main() -> int:
    """Run the command line; an error is one line on stderr and exit status 1."""
    try:
        app(prog_name="vicinal")
    except (TrainingError, OSError) as error:
        if os.environ.get("VICINAL_TRACEBACK"):
            raise
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
