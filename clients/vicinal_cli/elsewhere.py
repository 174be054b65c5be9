"""Encoders that other servers serve, each named by one URL.

    triton://HOST:PORT/MODEL?version=3&preprocessing=FILE.json&output=NAME&encoder-digest=HEX&batch=16

All after MODEL may be left out, and so may the port, 8001. `kserve://` means the same: any server of the Open
Inference Protocol will do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vicinal_cli.errors import CliError
from vicinal_client import InferenceClient

__all__ = ["inference_client", "is_elsewhere"]

_SCHEMES = ("triton", "kserve")
_PORT = 8001  # where Triton listens for gRPC
_EXAMPLE = "for example triton://127.0.0.1:8001/vit?preprocessing=vit.json (docs/open-inference.md)"
_KEYS = ("version", "preprocessing", "output", "encoder-digest", "batch")


def is_elsewhere(target: str) -> bool:
    """Whether `target` is such a URL, and no HOST:PORT of the embedding service."""
    return target.partition("://")[0] in _SCHEMES and "://" in target


def inference_client(url: str, timeout: float) -> InferenceClient:
    """Return a client of the encoder that `url` names; `timeout` is its seconds for one request.

    Raises:
        CliError: the URL is not as above.
        OSError: the file of the preprocessing cannot be read.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CliError(f"{url}: {error}", _EXAMPLE) from error
    name = unquote(parts.path.strip("/"))
    if not parts.hostname or not name:
        raise CliError(f"{url} does not name a server and a model", _EXAMPLE)
    return InferenceClient(_address(url, parts), name, **_options(url, parts.query), timeout=timeout)


def _address(url: str, parts: SplitResult) -> str:
    try:
        port = parts.port or _PORT
    except ValueError as error:
        raise CliError(f"{url}: {error}", _EXAMPLE) from error
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{port}"


def _options(url: str, query: str) -> dict[str, Any]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(given.keys() - set(_KEYS))
    if unknown:
        raise CliError(f"{url}: {unknown[0]} is none of {', '.join(_KEYS)}", _EXAMPLE)
    options: dict[str, Any] = {key.replace("-", "_"): value for key, value in given.items()}
    if "preprocessing" in options:
        options["preprocessing"] = _text(Path(options["preprocessing"]))
    if "batch" in options:
        if not options["batch"].isdecimal() or int(options["batch"]) < 1:
            raise CliError(f"{url}: batch is {options['batch']!r}, expected a number of at least 1", _EXAMPLE)
        options["batch"] = int(options["batch"])
    return options


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CliError(f"{path} is no preprocessing: {error}", _EXAMPLE) from error
