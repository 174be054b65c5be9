"""Suggestions and suspicions as CVAT issues. No network here.

CVAT steps through a job's frames in the order they were uploaded in, nothing in its API changes that order,
and the only jobs of chosen frames, those for ground truth, keep their annotations apart. What it has is
issues: they hang on a frame, its editor jumps from one to the next, they are resolved with a click, and they
are no annotations, so no export carries them. The rank stands in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["Kind", "Note", "NoteChanges", "check_text", "compare", "next_text", "read"]

_MARK: Final = "vicinal:"
_TEXT = re.compile(rf"{_MARK} (label next|check)\b")
_CHECKED = re.compile(rf'{_MARK} check: "(?P<present>.*)" is probably wrong')


class Kind(Enum):
    """What a note asks for."""

    NEXT = "label next"
    CHECK = "check"


@dataclass(frozen=True)
class Note:
    """One issue of vicinal's.

    Attributes:
        frame: number of the frame.
        text: what it says; `next_text` or `check_text` made it.
        id: CVAT's number of the issue; None for one that is still to be written.
        resolved: whether somebody has resolved it.
    """

    frame: int
    text: str
    id: int | None = None
    resolved: bool = False

    @property
    def kind(self) -> Kind:
        """What it asks for."""
        return Kind.CHECK if self.text.startswith(f"{_MARK} {Kind.CHECK.value}") else Kind.NEXT

    @property
    def matter(self) -> tuple[int, Kind, str]:
        """What it is about: the frame, what it asks for, and the class that it doubts, if any."""
        found = _CHECKED.match(self.text)
        return self.frame, self.kind, found["present"] if found else ""


@dataclass(frozen=True)
class NoteChanges:
    """Notes to write and to delete."""

    add: tuple[Note, ...]
    remove: tuple[Note, ...]


def next_text(rank: int, count: int, why: str) -> str:
    """Say that a frame is to be labelled next; `rank` counts from 1."""
    return f"{_MARK} {Kind.NEXT.value} ({rank} of {count}): {why}"


def check_text(present: str, suggested: str, suspicion: float, evidence: Iterable[str]) -> str:
    """Say that a label looks wrong.

    Args:
        present: the class that the label names.
        suggested: the class that its neighbours speak for.
        suspicion: probability that the label is wrong, 0 to 1.
        evidence: the neighbours, as a reader finds them.
    """
    doubt = f'"{present}" is probably wrong ({suspicion:.2f}), perhaps "{suggested}"'
    seen = ", ".join(evidence)
    return f"{_MARK} {Kind.CHECK.value}: {doubt}" + (f"; like {seen}" if seen else "")


def read(text: str, frame: int, number: int, resolved: bool) -> Note | None:
    """Return an issue as a note, or None when a person wrote it."""
    return Note(frame, text, number, resolved) if _TEXT.match(text) else None


def compare(present: Iterable[Note], wanted: Iterable[Note]) -> NoteChanges:
    """Compare the notes that are there with those that should be.

    A resolved note is a person's answer: it stays, and its matter is not raised again. An open one that is
    not wanted any more, or that is there twice, is deleted.
    """
    present = list(present)
    answered = {note.matter for note in present if note.resolved}
    texts = {(note.frame, note.text): note for note in wanted if note.matter not in answered}
    seen: set[tuple[int, str]] = set()
    remove = []
    for note in present:
        key = (note.frame, note.text)
        if note.resolved:
            continue
        if key in texts and key not in seen:
            seen.add(key)
        else:
            remove.append(note)
    return NoteChanges(tuple(note for key, note in texts.items() if key not in seen), tuple(remove))
