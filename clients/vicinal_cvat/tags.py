"""What the tags of a task say, and which tags vicinal should write. No network here.

A tag's `source` says who made it, and CVAT keeps it up to date: its editor turns "auto" into "semi-auto" and
"file" into "manual" when a person changes the tag's label. So people's tags are labels to believe, imported
ones are labels that came with the data, and automatic ones are no labels at all: they are what vicinal, or
another function, made of the labels, and would only confirm themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vicinal_client import Label, Trust

__all__ = ["AUTO", "Changes", "Stated", "Tag", "agreed", "changes", "stated"]

AUTO: Final = "auto"
_IMPORTED: Final = "file"


@dataclass(frozen=True)
class Tag:
    """A class that a frame is tagged with.

    Attributes:
        frame: number of the frame in its task.
        class_name: name of the label.
        source: "manual", "semi-auto", "consensus", "file" or "auto".
        id: CVAT's number of the tag; None for one that is still to be written.
    """

    frame: int
    class_name: str
    source: str = AUTO
    id: int | None = None


@dataclass(frozen=True)
class Stated:
    """What the tags state.

    Attributes:
        labels: frame → class and trust.
        unclear: frames with tags of several classes, which state nothing.
    """

    labels: Mapping[int, tuple[str, Trust]]
    unclear: tuple[int, ...]


@dataclass(frozen=True)
class Changes:
    """Automatic tags to write and to delete."""

    add: tuple[Tag, ...]
    remove: tuple[Tag, ...]


def stated(tags: Iterable[Tag], completed: Collection[int] = frozenset()) -> Stated:
    """Return what the tags state: one class a frame.

    What people made outdoes what was imported. A frame whose best tags name several classes is unclear.

    Args:
        tags: all tags of the task.
        completed: frames of jobs that are done and whose automatic tags therefore count as looked at, where
            nobody has made a tag.
    """
    ranks: dict[int, dict[int, set[str]]] = {}
    for tag in tags:
        rank = _rank(tag, completed)
        if rank is not None:
            ranks.setdefault(tag.frame, {}).setdefault(rank, set()).add(tag.class_name)
    labels, unclear = {}, []
    for frame, by_rank in sorted(ranks.items()):
        best = min(by_rank)
        if len(by_rank[best]) > 1:
            unclear.append(frame)
        else:
            labels[frame] = (by_rank[best].pop(), Trust.GIVEN if best == _GIVEN else Trust.VERIFIED)
    return Stated(labels, tuple(unclear))


_PEOPLE, _LOOKED_AT, _GIVEN = range(3)


def _rank(tag: Tag, completed: Collection[int]) -> int | None:
    if tag.source == AUTO:
        return _LOOKED_AT if tag.frame in completed else None
    return _GIVEN if tag.source == _IMPORTED else _PEOPLE


def agreed(labels: Iterable[Label]) -> dict[str, str]:
    """Return sample → class where all verified labels name the same class."""
    named: dict[str, set[str]] = {}
    for label in labels:
        if label.trust is Trust.VERIFIED:
            named.setdefault(label.sample_id, set()).add(label.class_name)
    return {sample: next(iter(names)) for sample, names in named.items() if len(names) == 1}


def changes(tags: Iterable[Tag], wanted: Mapping[int, str], kept: Collection[int] = frozenset()) -> Changes:
    """Compare the automatic tags that are there with those that should be.

    A frame that a person has tagged, or whose tag was imported, gets none and loses those it has: two tags
    would be exported as two classes. A frame about which nothing is wanted keeps what it has.

    Args:
        tags: all tags of the task.
        wanted: frame → class.
        kept: frames that are left as they are.
    """
    by_frame: dict[int, list[Tag]] = {}
    for tag in tags:
        by_frame.setdefault(tag.frame, []).append(tag)
    add, remove = [], []
    for frame in sorted(({*by_frame, *wanted}) - {*kept}):
        present = by_frame.get(frame, [])
        automatic = [tag for tag in present if tag.source == AUTO]
        if len(automatic) < len(present):
            remove += automatic
        elif frame in wanted:
            right = [tag for tag in automatic if tag.class_name == wanted[frame]][:1]
            remove += [tag for tag in automatic if tag not in right]
            add += [] if right else [Tag(frame, wanted[frame])]
    return Changes(tuple(add), tuple(remove))
