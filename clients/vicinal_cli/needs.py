"""What must be installed for a command that starts services."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from vicinal_cli.errors import CliError

__all__ = [
    "CVAT",
    "EMBED",
    "EXPERIMENTS",
    "FIFTYONE",
    "GRAPH",
    "LABEL_STUDIO",
    "PAGE",
    "TRAIN",
    "are_installed",
    "require",
]

CVAT = ("PIL", "cvat_sdk")
EMBED = ("onnxruntime", "PIL", "grpc_health")
EXPERIMENTS = ("annoy", "cleanlab", "graphlearning", "matplotlib", "scipy", "sklearn")
FIFTYONE = ("fiftyone",)
GRAPH = ("hnswlib", "msgpack", "numba", "redis", "scipy", "grpc_health")
LABEL_STUDIO = ("PIL", "httpx", "starlette", "uvicorn")
PAGE = ("PIL", "starlette", "uvicorn")
TRAIN = (
    "PIL",
    "accelerate",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "tensorboard",
    "timm",
    "torch",
    "torchvision",
)


def are_installed(*modules: str) -> bool:
    """Whether all of `modules` are installed; nothing is loaded."""
    return not _missing(modules)


def require(command: str, extra: str, *modules: str) -> None:
    """Check that `modules` are installed, without loading them.

    Args:
        command: what needs them, e.g. "vicinal up".
        extra: what to install, e.g. "graph,embed".
        modules: top-level names.

    Raises:
        CliError: one is missing.
    """
    if missing := _missing(modules):
        raise CliError(f"{command} needs {', '.join(missing)}", f"pip install 'vicinal[{extra}]'")


def _missing(modules: Iterable[str]) -> list[str]:
    return sorted({name for name in modules if find_spec(name) is None})
