"""`vicinal up`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vicinal.hosts import url_of
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH
from vicinal_cli.console import note, stdout
from vicinal_cli.needs import EMBED, GRAPH, PAGE, are_installed, require
from vicinal_cli.paging import (
    TOKEN_VARIABLE,
    ImageFolders,
    PagePort,
    PageToken,
    check_folders,
    token_for,
)
from vicinal_cli.up.pair import PairOptions, run_pair
from vicinal_cli.up.service import ServiceSpec

__all__ = ["up"]

_DATA = Path("vicinal-data")
_VECTORS = "vectors"
"""Folder of the embedding service's cache, in the data folder."""


class Device(StrEnum):
    """Where the encoder runs."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the embedded store keeps samples and labels, and the embedding service the vectors "
            f"it has made, so that the same images need not be embedded again. Default: {_DATA}; with "
            "--redis-url none, and vectors are kept in memory.",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Use this Redis (7 or newer) or Valkey instead of the embedded store."
        ),
    ] = None,
    allow_cache_only: Annotated[
        bool, typer.Option("--allow-cache-only", help="Accept a store that may lose what it acknowledged.")
    ] = False,
    encoder: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="An ONNX encoder, or starter or fashion, which come with the project; the first of several "
            "is the default. Without it starter.",
        ),
    ] = None,
    encoder_folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where `vicinal encoders load` may load ONNX files from."),
    ] = None,
    device: Annotated[Device, typer.Option(help="auto takes a GPU if there is one.")] = Device.AUTO,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    embed_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the embedding service; 0 takes a free one.")
    ] = 50051,
    graph_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the graph service; 0 takes a free one.")
    ] = 50052,
    page: Annotated[
        bool | None,
        typer.Option("--page/--no-page", help="Serve the labelling page; by default if it is installed."),
    ] = None,
    page_port: PagePort = None,
    page_token: PageToken = None,
    images: ImageFolders = None,
) -> None:
    """Start both services, the embedded store and the labelling page, until Ctrl-C.

    When all are SERVING, their addresses are printed. When one dies, the
    others are stopped, and the exit status is 1. Nothing is left running.

    Examples:
      vicinal up
      vicinal up --images photos/
      vicinal up --data-dir /srv/vicinal --encoder my-encoder.onnx
      vicinal up --redis-url redis://localhost:6379
    """
    require("vicinal up", "graph,embed", *EMBED, *GRAPH)
    # Whose data is in a store of their own expects no files in whatever folder this was called from.
    folder = data_dir or (None if redis_url else _DATA)
    store = ["--redis-url", redis_url] if redis_url else ["--data-dir", str(folder)]
    options = PairOptions(
        host,
        embed_port,
        graph_port,
        [*_vectors(folder), "--device", device.value, *_encoders(encoder or [], encoder_folder)],
        [*store, *(["--allow-cache-only"] if allow_cache_only else [])],
    )
    token = token_for(host, page_token)
    if _wants_page(page, asked=page_port is not None or bool(images)):
        check_folders(images or [])
        options = replace(options, page=partial(_page, host, page_port, token, images or []))
    asyncio.run(run_pair(options, partial(_say_serving, host, token)))


def _wants_page(page: bool | None, *, asked: bool) -> bool:
    """Whether to serve the page.

    Raises:
        CliError: it is asked for and not installed.
    """
    if page is None and not asked:
        if are_installed(*PAGE):
            return True
        note("no labelling page: pip install 'vicinal[page]'")
        return False
    if page is not False:
        require("the labelling page", "page", *PAGE)
    return page is not False


def _page(host: str, port: int | None, token: str, images: list[str], graph: str) -> ServiceSpec:
    flags = ["--target", graph, *(word for one in images for word in ("--images", one))]
    return ServiceSpec("page", "vicinal_page", flags, None, host, port, {TOKEN_VARIABLE: token})


def _vectors(folder: Path | None) -> list[str]:
    """Return where the embedding service keeps vectors; `folder` is made, so that nobody else can read it."""
    if folder is None:
        return []
    with suppress(OSError):  # a service that cannot use it says so
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ["--cache-folder", str(folder / _VECTORS)]


def _encoders(files: list[Path], folder: Path | None) -> list[str]:
    given = [word for file in files for word in ("--encoder", str(file))]
    return [*given, *(["--encoder-folder", str(folder)] if folder else [])]


def _say_serving(host: str, token: str, embed: str, graph: str, page: str = "") -> None:
    note("vicinal is up: both services are SERVING; Ctrl-C stops them.")
    if page:
        note(f"Label in a browser: {url_of(host, int(page.rpartition(':')[2]), token)}")
    if (embed, graph) != (DEFAULT_EMBED, DEFAULT_GRAPH):
        note("In other terminals, say where they are:")
    elif stdout.is_terminal:
        note("In other terminals the commands find them without being told.")
        return
    typer.echo(f"export VICINAL_EMBED={embed}\nexport VICINAL_GRAPH={graph}")
