"""`vicinal encoders`: which encoders the embedding service has, and changing them while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_EMBED, embed_client
from vicinal_cli.console import note
from vicinal_cli.errors import CliError
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import EmbedTarget, Output, OutputFormat
from vicinal_client import EmbedClient, LoadedModel

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="The embedding service's encoders: several side by side, changed while it runs.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_COLUMNS = (
    Column("name", str),
    Column("default", str),
    Column("ready", str),
    Column("dimension", int),
    Column("provider", str),
    Column("file", str),
    Column("digest", str),
)

Encoder = Annotated[
    str, typer.Argument(metavar="ENCODER", help="Its name, its digest, or how its digest begins.")
]


@app.command("list")
def listed(output: Output = None, form: OutputFormat = None, target: EmbedTarget = DEFAULT_EMBED) -> None:
    """List the encoders that are loaded, and say which files may be."""
    destination = Destination.of(output, form)
    with embed_client(target) as client:
        models = client.models()
    destination.write(Result(_COLUMNS, map(_row, models.loaded)))
    others = sorted({*models.files} - {one.file for one in models.loaded})
    if others:
        note(f"files that may be loaded: {', '.join(others)}")


@app.command()
def load(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its name in the service's encoder folder.")],
    default: Annotated[
        bool, typer.Option("--default", help="Make it the default for callers who name no encoder.")
    ] = False,
    target: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Load an encoder beside those that are served, and warm it up; calls go on meanwhile.

    Example, a switch without a failed call:
      vicinal encoders load new.onnx --default
      vicinal encoders unload old
    """
    with embed_client(target) as client:
        model = client.load_model(file, make_default=default)
    note(
        f"loaded {model.name}{', the default now' if model.is_default else ''}: digest {model.encoder_digest}"
    )


@app.command("default")
def make_default(encoder: Encoder, target: EmbedTarget = DEFAULT_EMBED) -> None:
    """Let a loaded encoder answer callers who name none."""
    with embed_client(target) as client:
        model = client.set_default_model(_found(client, encoder).encoder_digest)
    note(f"the default is {model.name}, digest {model.encoder_digest}")


@app.command()
def unload(encoder: Encoder, target: EmbedTarget = DEFAULT_EMBED) -> None:
    """Unload an encoder, once those who use it have finished."""
    with embed_client(target) as client:
        model = _found(client, encoder)
        client.unload_model(model.encoder_digest)
    note(f"unloaded {model.name}, digest {model.encoder_digest}")


def _found(client: EmbedClient, encoder: str) -> LoadedModel:
    """Return the one encoder that `encoder` names.

    Raises:
        CliError: none or several are.
    """
    loaded = client.models().loaded
    found = [one for one in loaded if one.name == encoder or one.encoder_digest.startswith(encoder)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{one.name} ({one.encoder_digest[:12]}…)" for one in found or loaded)
    if found:
        raise CliError(f"{encoder!r} may mean {names}", "name it by more of its digest.")
    raise CliError(f"no encoder {encoder!r} is loaded", f"there are {names}.")


def _row(one: LoadedModel) -> tuple[object, ...]:
    flags = ("yes" if true else "no" for true in (one.is_default, one.ready))
    return one.name, *flags, one.dimension, one.provider, one.file, one.encoder_digest
