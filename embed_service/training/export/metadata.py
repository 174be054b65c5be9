"""What a file says of itself: its preprocessing, and where the encoder came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from embed_service.encoder.model import METADATA_KEY
from vicinal.imaging.preprocessing import Preprocessing

__all__ = ["PROVENANCE_KEY", "describe", "sha256", "versions"]

PROVENANCE_KEY = "vicinal.provenance"
"""Key in the ONNX file's metadata_props whose value is a JSON object; nothing in it changes a vector."""

_PACKAGES = ("vicinal", "torch", "timm", "onnx", "onnxruntime", "onnxruntime-gpu")


def describe(model: onnx.ModelProto, preprocessing: Preprocessing, provenance: Mapping[str, Any]) -> None:
    """Put the preprocessing and the provenance into `model`, in place of what it said before."""
    said = json.loads(preprocessing.to_json()) | {"name": preprocessing.name}
    entries = {
        METADATA_KEY: json.dumps(said, sort_keys=True),
        PROVENANCE_KEY: json.dumps(provenance, sort_keys=True),
    }
    helper.set_model_props(model, entries)


def versions() -> dict[str, str]:
    """Return the versions of what takes part in an export."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # ONNX Runtime has several names, by its hardware
            continue
    return found


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 lower-case hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
