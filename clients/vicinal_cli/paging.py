"""What `vicinal up` and `vicinal page` share about the labelling page."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vicinal.hosts import is_loopback
from vicinal_cli.errors import CliError

__all__ = ["TOKEN_VARIABLE", "ImageFolders", "PagePort", "PageToken", "check_folders", "token_for"]

TOKEN_VARIABLE = "VICINAL_PAGE_TOKEN"  # noqa: S105 (the variable's name)

PagePort = Annotated[
    int | None,
    typer.Option(
        "--page-port",
        min=0,
        max=65535,
        help="Of the labelling page; 0 takes a free one. Default: 50050, or a free one where that is taken.",
    ),
]
PageToken = Annotated[
    str | None,
    typer.Option(
        "--page-token",
        envvar=TOKEN_VARIABLE,
        metavar="WORD",
        help="Let nobody see the page who does not know it. Made up where other machines can reach the page.",
    ),
]
ImageFolders = Annotated[
    list[str] | None,
    typer.Option(
        "--images",
        metavar="[DATASET=]DIR",
        help="The folder that `vicinal add` was given, so that the page shows images; may be repeated, "
        "one for each dataset.",
    ),
]


def token_for(host: str, given: str | None) -> str:
    """Return the token that a page on `host` asks for: empty where only this machine can reach it."""
    return given or ("" if is_loopback(host) else secrets.token_urlsafe(16))


def check_folders(images: Sequence[str]) -> None:
    """Check what `--images` says.

    Raises:
        CliError: one is no folder.
    """
    for one in images:
        _, mark, folder = one.partition("=")
        if not Path(one).is_dir() and not (mark and Path(folder).is_dir()):
            raise CliError(f"--images {one}: no such folder", "it is the folder that `vicinal add` was given")
