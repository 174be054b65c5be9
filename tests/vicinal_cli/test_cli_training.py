"""The commands that become the training package."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from vicinal_cli import needs
from vicinal_cli.commands import training
from vicinal_cli.errors import CliError
from vicinal_cli.main import app

COMMANDS = ["train", "train-grid", "export-encoder"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_is_passed_on(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(training.os, "execv", lambda program, words: seen.append([program, *words]))
    arguments = ["--help", "-h", "a b", "--images", "x", "--tau=0.9", "--", "--version", ""]
    CliRunner().invoke(app, [command, *arguments], catch_exceptions=False)
    assert len(seen) == 1
    python = sys.executable
    assert seen[0][:5] == [python, python, "-m", "embed_service.training", command]
    assert [word for word in seen[0][5:] if word != "--"] == [word for word in arguments if word != "--"]


def test_help_and_errors_are_the_training_packages() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "vicinal_cli", "train", "--images", "/no/such/folder"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "there is no folder /no/such/folder\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_without_torch_it_says_what_to_install(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = needs.find_spec
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    result = CliRunner().invoke(app, [command])
    assert isinstance(result.exception, CliError)
    assert str(result.exception) == f"vicinal {command} needs torch"
    assert result.exception.hint == "pip install 'vicinal[train,embed]'"


def test_help_lists_the_commands() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout
    for command in COMMANDS:
        assert f" {command} " in listed
