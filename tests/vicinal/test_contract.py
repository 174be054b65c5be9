"""The contract: stubs that match it, and a check that sees when a change would break callers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).resolve().parents[2] / "protos"
GRAPH = "vicinal/graph/v1/graph.proto"
FIELD = re.compile(r"  // What the strategy maximised[^\n]*\n  float score = 2;\n")


@pytest.fixture
def protos(tmp_path):
    """A copy of protos/, committed on branch main of a repository of its own."""
    copy = tmp_path / "house" / "protos"
    shutil.copytree(PROTOS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    git(copy.parent, "init", "--quiet", "--initial-branch=main")
    commit(copy)
    return copy


def git(folder, *words):
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "contract")


def edit(protos, pattern, replacement):
    path = protos / GRAPH
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count == 1
    path.write_text(text)


def check(script, *flags):
    command = [sys.executable, str(script), *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def breaking(protos, *flags):
    return check(PROTOS / "breaking.py", "--root", protos, *flags)


def test_the_stubs_match_the_contract():
    assert check(PROTOS / "generate.py", "--check") == (0, "")


def test_stubs_that_drifted_are_named(protos):
    edit(
        protos,
        r"  uint64 min_revision = 2;\n  // When true, the answer holds `classes`",
        r"\g<0>, so to speak",
    )
    (protos / "vicinal/types/v1/tensor_pb2.pyi").unlink()
    status, output = check(protos / "generate.py", "--check")
    assert status == 1
    stale = [line.split()[3] for line in output.splitlines()]
    assert stale == ["protos/vicinal/graph/v1/graph_pb2.pyi", "protos/vicinal/types/v1/tensor_pb2.pyi"]


def test_an_unchanged_contract_breaks_nothing(protos):
    commit(protos)
    assert breaking(protos)[0] == 0


def test_a_new_field_breaks_nothing(protos):
    edit(protos, FIELD, r"\g<0>  // A new field.\n  int64 fresh = 77;\n")
    assert breaking(protos) == (0, "")


@pytest.mark.parametrize("branch", [None, "main", "topic"])
def test_a_removed_field_is_refused(protos, branch):
    """In the working tree, in the last change on main, and in any commit of a branch off main."""
    if branch == "topic":
        git(protos, "switch", "--quiet", "--create", branch)
    edit(protos, FIELD, "")
    if branch:
        commit(protos)
        (protos.parent / "unrelated").touch()
        commit(protos)
    if branch == "topic":
        edit(protos, "syntax", "// Later.\nsyntax")
        commit(protos)
    status, output = breaking(protos)
    assert status != 0
    assert 'Previously present field "2" with name "score" on message "Suggestion"' in output


def test_the_base_can_be_named(protos):
    git(protos, "tag", "v1")
    edit(protos, FIELD, "")
    commit(protos)
    edit(protos, "syntax", "// Later.\nsyntax")
    commit(protos)
    assert breaking(protos)[0] == 0
    assert breaking(protos, "--base", "v1")[0] != 0
    assert breaking(protos, "--base", "v2") != (0, "")


def test_without_an_earlier_contract_nothing_is_broken(protos):
    edit(protos, FIELD, "")
    shutil.rmtree(protos.parent / ".git")
    assert breaking(protos) == (0, "no earlier contract to compare with\n")
    git(protos.parent, "init", "--quiet", "--initial-branch=main")
    assert breaking(protos) == (0, "no earlier contract to compare with\n")
    commit(protos)
    assert breaking(protos) == (0, "no earlier contract to compare with\n")
