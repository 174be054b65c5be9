"""`vicinal page`."""

from __future__ import annotations

from typing import Annotated

import typer

from vicinal.hosts import url_of
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.errors import CliError
from vicinal_cli.needs import PAGE, require
from vicinal_cli.options import GraphTarget
from vicinal_cli.paging import ImageFolders, PagePort, PageToken, check_folders, token_for

__all__ = ["page"]


def page(
    graph: GraphTarget = DEFAULT_GRAPH,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    page_port: PagePort = None,
    page_token: PageToken = None,
    images: ImageFolders = None,
) -> None:
    """Serve the labelling page of a graph service that runs, until Ctrl-C.

    `vicinal up` does so by itself. Where other machines can reach the page,
    it asks for a token, which stands in the address that is printed.

    Examples:
      vicinal page --images photos/
      vicinal page --graph graph.example:50052 --images pets=photos/
    """
    require("vicinal page", "page", *PAGE)
    from vicinal_page.serving import serve
    from vicinal_page.settings import Settings, folders

    check_folders(images or [])
    with graph_client(graph):
        pass
    settings = Settings(graph, host, page_port, folders(images or []), token_for(host, page_token))
    try:
        serve(settings, lambda port: note(f"Label in a browser: {url_of(host, port, settings.token)}"))
    except OSError as error:
        raise CliError(
            f"the page cannot listen on {host}: {error.strerror}", "choose another --page-port"
        ) from error
