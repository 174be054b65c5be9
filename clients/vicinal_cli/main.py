"""The command line as a whole: which commands there are, and what becomes of an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from vicinal_cli.commands.add import add
from vicinal_cli.commands.beliefs import classify, export
from vicinal_cli.commands.cvat import app as cvat
from vicinal_cli.commands.demo import demo
from vicinal_cli.commands.embed import embed
from vicinal_cli.commands.encoders import app as encoders
from vicinal_cli.commands.experiment.commands import app as experiment
from vicinal_cli.commands.fiftyone import app as fiftyone
from vicinal_cli.commands.flagging import flag, noise
from vicinal_cli.commands.label import label
from vicinal_cli.commands.label_studio import app as label_studio
from vicinal_cli.commands.leases import app as leases
from vicinal_cli.commands.loadtest import app as loadtest
from vicinal_cli.commands.page import page
from vicinal_cli.commands.re_embed import re_embed
from vicinal_cli.commands.reading import propagate
from vicinal_cli.commands.status import status
from vicinal_cli.commands.suggesting import accuracy, suggest
from vicinal_cli.commands.training import PASSED_ON, export_encoder, train, train_grid
from vicinal_cli.commands.up import up
from vicinal_cli.commands.watching import watch
from vicinal_cli.console import fail
from vicinal_cli.errors import CliError
from vicinal_client import VicinalError

__all__ = ["app", "main"]

app = typer.Typer(
    name="vicinal",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Services": (up, page, status, demo),
    "Images and labels in": (add, label, embed, re_embed),
    "Answers out": (suggest, accuracy, flag, noise, propagate, watch, classify, export),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
for _command in (train, train_grid, export_encoder):
    app.command(rich_help_panel="An encoder of your own", context_settings=PASSED_ON)(_command)
app.add_typer(encoders, name="encoders", rich_help_panel="Services")
app.add_typer(leases, name="leases", rich_help_panel="Answers out")
app.add_typer(label_studio, name="label-studio", rich_help_panel="Labelling platforms")
app.add_typer(fiftyone, name="fiftyone", rich_help_panel="Labelling platforms")
app.add_typer(cvat, name="cvat", rich_help_panel="Labelling platforms")
app.add_typer(experiment, name="experiment", rich_help_panel="Measurements")
app.add_typer(loadtest, name="loadtest", rich_help_panel="Measurements")


def _say_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"vicinal {version('vicinal')}")
        except PackageNotFoundError:
            typer.echo("vicinal, not installed as a package")
        raise typer.Exit


@app.callback()
def _vicinal(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Label a handful of images; the neighbourhood does the rest.

    Begin with `vicinal demo`, or with your own images:

      vicinal up                                     (in a terminal of its own)
      vicinal add photos/ --dataset pets --classes cat,dog
      vicinal suggest --dataset pets                 (what to label next)
      vicinal label tom/1.jpg cat --dataset pets
      vicinal export labels.csv --dataset pets       (a class for every image)
    """


def main() -> None:
    """Run the command line. An error is one line on stderr and exit status 1.

    Set VICINAL_TRACEBACK=1 to see where it came from.
    """
    try:
        app()
    except (CliError, VicinalError, OSError) as error:
        if os.environ.get("VICINAL_TRACEBACK"):
            raise
        fail(error)
        raise SystemExit(1) from None
    except Exception as error:
        if os.environ.get("VICINAL_TRACEBACK"):
            raise
        hint = "a defect of vicinal: please report what VICINAL_TRACEBACK=1 shows."
        fail(CliError(f"{type(error).__name__}: {error}", hint))
        raise SystemExit(1) from None
