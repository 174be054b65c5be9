"""What `vicinal up` and `vicinal page` share about the labelling page."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from vicinal_cli.errors import CliError

__all__ = ["TOKEN_VARIABLE", "ImageFolders", "PagePort", "PageToken", "check_folders", "token_for", "url_of"]

TOKEN_VARIABLE = "VICINAL_PAGE_TOKEN"  # noqa: S105 (the variable's name)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ANY = ("0.0.0.0", "::")  # noqa: S104

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
    return given or ("" if host in _LOOPBACK else secrets.token_urlsafe(16))


def url_of(host: str, address: str, token: str) -> str:
    """Return what to open in a browser, by this machine's name where others may.

    Args:
        host: where the page listens.
        address: HOST:PORT at which this machine reaches it.
        token: what it asks for; may be empty.
    """
    if host in _ANY:
        address = f"{socket.gethostname()}:{address.rpartition(':')[2]}"
    return f"http://{address}/" + (f"?token={quote(token, safe='')}" if token else "")


def check_folders(images: Sequence[str]) -> None:
    """Check what `--images` says.

    Raises:
        CliError: one is no folder.
    """
    for one in images:
        _, mark, folder = one.partition("=")
        if not Path(one).is_dir() and not (mark and Path(folder).is_dir()):
            raise CliError(f"--images {one}: no such folder", "it is the folder that `vicinal add` was given")
