"""What the package exports, what it imports, and that the two kinds of client are twins."""

from __future__ import annotations

import inspect
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

import vicinal_client
from vicinal_client import (
    AsyncEmbedClient,
    AsyncGraphClient,
    AsyncInferenceClient,
    EmbedClient,
    GraphClient,
    InferenceClient,
)

CLIENTS = Path(vicinal_client.__file__).parent.parent
HEAVY = ["PIL", "torch", "onnxruntime", "hnswlib", "scipy", "numba", "redis", "pyarrow"]
TWINS = [
    (AsyncGraphClient, GraphClient),
    (AsyncEmbedClient, EmbedClient),
    (AsyncInferenceClient, InferenceClient),
]


def exported():
    return [(name, getattr(vicinal_client, name)) for name in vicinal_client.__all__]


def public_methods(kind):
    return {name: value for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_all_names_are_what_is_public():
    public = {name for name, value in vars(vicinal_client).items() if not name.startswith("_")}
    assert public == set(vicinal_client.__all__)
    assert len(set(vicinal_client.__all__)) == len(vicinal_client.__all__)


def test_every_module_inside_is_private():
    assert all(path.name.startswith("_") for path in Path(vicinal_client.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(("name", "value"), exported())
def test_every_export_is_described_and_at_home(name, value):
    assert value.__doc__
    assert value.__module__ in ("vicinal_client", "vicinal.wire.errors")
    if inspect.isclass(value) and name.endswith("Client"):
        assert all(method.__doc__ for method in public_methods(value).values())


@pytest.mark.parametrize("kind", [value for _, value in exported() if isinstance(value, type(Enum))])
def test_enums_are_python_enums_of_words(kind):
    assert all(isinstance(member.value, str) for member in kind)


@pytest.mark.parametrize(("asynchronous", "synchronous"), TWINS)
def test_twins_have_the_same_methods_and_signatures(asynchronous, synchronous):
    theirs, ours = public_methods(asynchronous), public_methods(synchronous)
    assert theirs.keys() == ours.keys()
    for name, method in theirs.items():
        assert (
            inspect.signature(method).parameters.keys() == inspect.signature(ours[name]).parameters.keys()
        ), name
        wanted = {p.name: (p.default, p.kind) for p in inspect.signature(method).parameters.values()}
        given = {p.name: (p.default, p.kind) for p in inspect.signature(ours[name]).parameters.values()}
        assert given == wanted, name
        assert inspect.iscoroutinefunction(method) != inspect.isasyncgenfunction(method), name
        assert not inspect.iscoroutinefunction(ours[name]), name
        assert inspect.isgeneratorfunction(ours[name]) == inspect.isasyncgenfunction(method), name
    assert (
        inspect.signature(asynchronous).parameters.keys() == inspect.signature(synchronous).parameters.keys()
    )


def test_the_synchronous_side_is_up_to_date():
    check = subprocess.run(
        [sys.executable, str(CLIENTS / "generate_sync.py"), "--check"], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


def test_importing_pulls_in_nothing_heavy():
    code = "import sys, vicinal_client; print(*{name.split('.')[0] for name in sys.modules})"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(imported.stdout.split()) & set(HEAVY)
    assert "grpc" in imported.stdout.split()
