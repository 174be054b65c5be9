"""How the page is served, and the numbers it goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vicinal.hosts import is_loopback

__all__ = ["AUDIT_SHARE", "DEFAULT_PORT", "SURE", "TARGETS", "Settings", "folders"]

DEFAULT_PORT = 50050
AUDIT_SHARE = 0.2
"""Of what is suggested: without an audit nobody could say how many beliefs are right."""
SURE = 0.9
"""Confidence from which a belief counts as sure."""
TARGETS = (0.8, 0.9, 0.95, 0.99)
"""Accuracies for which the page says how many more audited labels they take."""


@dataclass(frozen=True)
class Settings:
    """How the page is served.

    Attributes:
        target: HOST:PORT of the graph service.
        host: where the page listens.
        port: 0 for any free one; None for the default, or any free one where that is taken.
        images: dataset → the folder that its sample ids are paths below; the empty name stands for all other
            datasets. Without a folder ids are shown instead of images.
        token: what callers must know; empty asks nothing of them.

    Raises:
        ValueError: others than this machine could reach the page, and there is no token.
    """

    target: str
    host: str = "127.0.0.1"
    port: int | None = None
    images: Mapping[str, Path] = field(default_factory=dict)
    token: str = ""

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ValueError(f"a page on {self.host} needs a token: other machines can reach it")


def folders(given: Iterable[str]) -> dict[str, Path]:
    """Return what `--images` says, each DIR or DATASET=DIR, as `Settings.images` has it.

    Raises:
        ValueError: one is no folder.
    """
    found = {}
    for one in given:
        name, mark, rest = one.partition("=")
        is_plain = not mark or Path(one).is_dir()
        folder = Path(one if is_plain else rest)
        if not folder.is_dir():
            raise ValueError(f"--images {one}: no such folder")
        found["" if is_plain else name] = folder
    return found
