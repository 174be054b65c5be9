"""Clients of services that are known to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from vicinal_cli.elsewhere import inference_client, is_elsewhere
from vicinal_cli.errors import CliError
from vicinal_client import ConnectionFailed, DeadlineExceeded, EmbedClient, GraphClient, InferenceClient

__all__ = ["DEFAULT_EMBED", "DEFAULT_GRAPH", "Embedder", "embed_client", "embedder_at", "graph_client"]

DEFAULT_EMBED = "127.0.0.1:50051"
DEFAULT_GRAPH = "127.0.0.1:50052"

_PATIENCE = 3.0
"""Seconds a service gets to say SERVING before the command gives up."""
_TIMEOUT = 120.0
"""Seconds for one request: large datasets take their time to propagate."""

Client = TypeVar("Client", EmbedClient, GraphClient, InferenceClient)
Embedder = EmbedClient | InferenceClient
"""What turns images into vectors: the embedding service, or another server."""


@contextmanager
def graph_client(target: str, flag: str = "--graph") -> Iterator[GraphClient]:
    """Yield a client of the graph service at `target`.

    Args:
        target: HOST:PORT.
        flag: which names it, for the error.

    Raises:
        CliError: it cannot be reached or is not ready.
    """
    with GraphClient(target, timeout=_TIMEOUT) as client:
        yield _ready(client, "graph service", flag)


@contextmanager
def embed_client(target: str) -> Iterator[EmbedClient]:
    """Yield a client of the embedding service at `target`.

    Raises:
        CliError: it cannot be reached or is not ready, or is another server.
    """
    if is_elsewhere(target):
        raise CliError(f"{target} is no embedding service of vicinal's", "this command is about that only")
    with EmbedClient(target, timeout=_TIMEOUT) as client:
        yield _ready(client, "embedding service", "--embed")


@contextmanager
def embedder_at(target: str) -> Iterator[Embedder]:
    """Yield what embeds images at `target`: HOST:PORT of the embedding service, or a URL (see `elsewhere`).

    Raises:
        CliError: it cannot be reached or is not ready, or the URL is wrong.
        OSError: the file that the URL names cannot be read.
    """
    if not is_elsewhere(target):
        with embed_client(target) as ours:
            yield ours
        return
    with inference_client(target, _TIMEOUT) as client:
        yield _ready(client, f"server of {target}", "--embed")


def _ready(client: Client, name: str, flag: str) -> Client:
    try:
        client.wait_until_ready(_PATIENCE)
    except ConnectionFailed as error:
        raise CliError(
            f"no {name} answers at {client.target}",
            f"start the services with `vicinal up`, or name the right one with {flag} HOST:PORT.",
        ) from error
    except DeadlineExceeded as error:
        raise CliError(
            f"the {name} at {client.target} is not SERVING",
            "it may still be starting; try again in a moment, or see its log.",
        ) from error
    return client
