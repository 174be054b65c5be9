from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graph_service import kernels

CODE = "from graph_service import kernels; print(kernels._is_cached())"


def said_of(cache: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    run = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def test_the_second_process_finds_what_the_first_compiled(tmp_path: Path) -> None:
    assert said_of(tmp_path) == "False"
    assert said_of(tmp_path) == "True"


@pytest.mark.parametrize("cached", [False, True])
def test_another_process_compiles_what_is_not_cached(cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(kernels, "_is_cached", lambda: cached)
    monkeypatch.setattr(kernels, "warm_up", lambda: done.append("loaded"))
    monkeypatch.setattr(kernels.subprocess, "run", lambda command, **_: done.append(command[1:]))
    kernels.load()
    assert done == [*([] if cached else [["-m", "graph_service.kernels"]]), "loaded"]
