"""What the results in a folder were measured on, so that a rerun adds only what belongs to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vicinal_experiments.errors import ExperimentError

__all__ = ["Manifest", "opened", "read", "versions"]

_LIBRARIES = ("vicinal", "numpy", "scikit-learn", "cleanlab", "graphlearning")


@dataclass
class Manifest:
    """What stands in manifest.json.

    Attributes:
        inputs: what must be the same for results to belong together: name → value.
        versions: library → version, likewise.
        facts: what the page tells of the data besides.
        commands: experiment → the command that ran it last.
    """

    inputs: dict[str, str]
    versions: dict[str, str]
    facts: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it to the folder."""
        _place(folder).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions of what results depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "–"
    return found


def read(folder: Path) -> Manifest:
    """Return the manifest of a folder of results.

    Raises:
        ExperimentError: there is none that can be read.
    """
    try:
        return Manifest(**json.loads(_place(folder).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ExperimentError(f"{folder} holds no results", "`vicinal experiment all` makes some") from error
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{_place(folder)} cannot be read: {error}") from error


def opened(folder: Path, inputs: Mapping[str, str], facts: Mapping[str, str]) -> Manifest:
    """Return the folder's manifest, a new one if there is none.

    Args:
        folder: where results go.
        inputs: what this run is made on.
        facts: what the page tells besides.

    Raises:
        ExperimentError: the folder's results were made on something else.
    """
    now = Manifest(dict(inputs), versions(), dict(facts))
    if _place(folder).exists():
        before = read(folder)
        for name, value in {**now.inputs, **now.versions}.items():
            was = {**before.inputs, **before.versions}.get(name)
            if was != value:
                raise ExperimentError(
                    f"the results in {folder} were made with another {name} ({was}; now {value})",
                    "choose another --out, or delete that folder",
                )
        now.commands = before.commands
    now.write(folder)
    return now


def _place(folder: Path) -> Path:
    return folder / "manifest.json"
