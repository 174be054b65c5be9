"""What gpu.py found, kept on disk after each part, and whether it is enough."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self

__all__ = ["Report", "Target"]


@dataclass(frozen=True)
class Target:
    """A figure and the least that it should be."""

    what: str
    least: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether it is as large; what is no number is not."""
        return self.measured >= self.least


@dataclass
class Report:
    """What each part found, in `folder`/results.json, and for people in `folder`/results.md.

    Attributes:
        folder: exists.
        smoke: nothing that was measured says anything.
        parts: name of a part -> what it found, or {"failed": why}, or {"left_out": why}.
        judged: name of a part -> its targets.
    """

    folder: Path
    smoke: bool
    parts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    judged: dict[str, list[Target]] = field(default_factory=dict)

    @classmethod
    def begun(cls, folder: Path, smoke: bool) -> Self:
        """Return the report that is in `folder` already, to be gone on with, or an empty one."""
        path = folder / "results.json"
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if before.get("smoke") is not smoke:
            return cls(folder, smoke)
        targets = {part: [Target(**one) for one in each] for part, each in before["targets"].items()}
        return cls(folder, smoke, before["parts"], targets)

    def add(self, part: str, found: Mapping[str, Any], targets: list[Target]) -> None:
        """Take in what a part found, in place of what it found before, and write everything anew."""
        self.parts[part], self.judged[part] = found, targets
        results = {
            "smoke": self.smoke,
            "targets": {name: [asdict(one) for one in each] for name, each in self.judged.items()},
            "parts": self.parts,
        }
        (self.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (self.folder / "results.md").write_text(self.page() + "\n", encoding="utf-8")

    @property
    def missed(self) -> list[Target]:
        """The targets that are not met."""
        return [target for targets in self.judged.values() for target in targets if not target.met]

    @property
    def failed(self) -> list[str]:
        """The parts that failed."""
        return [part for part, found in self.parts.items() if "failed" in found]

    def page(self) -> str:
        """Return it all as Markdown."""
        return "\n".join(
            [*self._machine(), "", *self._judged(), "", *self._missing(), "", *self._by_epoch()]
        ).strip()

    def _machine(self) -> Iterator[str]:
        found = self.parts.get("machine", {})
        if self.smoke:
            yield "A smoke run on a CPU: its figures say nothing."
            yield ""
        yield "; ".join([*found.get("cards", []), str(found.get("platform", ""))])
        yield ""
        yield ", ".join(f"{name} {version}" for name, version in found.get("versions", {}).items())

    def _judged(self) -> Iterator[str]:
        yield "| what | at least | measured | |"
        yield "|---|---|---|---|"
        for target in chain.from_iterable(self.judged.values()):
            verdict = "met" if target.met else "**missed**"
            yield f"| {target.what} | {target.least:g} | {target.measured:.4g} | {verdict} |"
        for part, found in self.parts.items():
            for what in ("steps_per_second", "seconds", "images_per_second"):
                if what in found:
                    yield f"| {part}: {what.replace('_', ' ')} | | {found[what]:.4g} | |"
            for how, accuracy in found.get("held_out", {}).items():
                yield f"| {part}: k-NN of held-out images {how.replace('_', ' ')} | | {accuracy:.4g} | |"

    def _missing(self) -> Iterator[str]:
        for part, found in self.parts.items():
            for how in ("failed", "left_out"):
                if how in found:
                    yield f"- {part}: {how.replace('_', ' ')}: {found[how]}"

    def _by_epoch(self) -> Iterator[str]:
        for part, found in self.parts.items():
            if "knn_by_epoch" in found:
                yield f"{part}: k-NN accuracy among the held-out images by epoch"
                yield ""
                yield "| epoch | accuracy |"
                yield "|---|---|"
                yield from (f"| {epoch:.0f} | {knn:.1%} |" for epoch, knn in found["knn_by_epoch"])
                yield ""
