"""Values that an object makes on first need."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Generic, TypeVar

__all__ = ["Cell", "Once", "Value", "twin"]

T = TypeVar("T")


class Cell(Generic[T]):
    """Room for a value that whichever thread comes first makes; the others wait for it."""

    def __init__(self) -> None:
        self.made = False
        self._lock = threading.Lock()

    def value(self, make: Callable[[], T]) -> T:
        """Return the value, making it if it is not there. What `make` raises leaves the room empty."""
        with self._lock:
            if not self.made:
                self._value = make()
                self.made = True
        return self._value


class Value(Generic[T]):
    """One object's value: a call returns it."""

    def __init__(self, cell: Cell[T], make: Callable[[], T]) -> None:
        self._cell = cell
        self._make = make

    @property
    def made(self) -> bool:
        """Whether the value is at hand."""
        return self._cell.made

    def __call__(self) -> T:
        """Return the value."""
        return self._cell.value(self._make)


class Once(Generic[T]):
    """Decorates a method of no arguments, whose outcome each object then makes once and keeps.

    The object holds the outcome and nothing holds the object, as a stored bound method would. So large arrays
    go with the last reference; the cycle collector counts objects, not bytes, and would let them wait.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._key = f"{make.__name__} (once)"
        self.__doc__ = make.__doc__

    def __get__(self, owner: Any, kind: type) -> Value[T]:
        """Return the owner's value."""
        # `setdefault` of a dict with str keys is atomic: all threads get one cell.
        cell: Cell[T] = vars(owner).setdefault(self._key, Cell())
        return Value(cell, partial(self._make, owner))


def twin(owner: T) -> T:
    """Return a shallow copy that has its owner's values, also those that are not made yet."""
    for kind in type(owner).__mro__:
        for value in vars(kind).values():
            if isinstance(value, Once):
                value.__get__(owner, kind)
    return copy(owner)
