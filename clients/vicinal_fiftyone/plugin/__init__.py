"""vicinal's operators and panel, as FiftyOne finds them. The code is in the package `vicinal_fiftyone`."""

from typing import Any

from vicinal_fiftyone.app import REGISTERED

__all__ = ["register"]


def register(plugin: Any) -> None:
    """Tell FiftyOne what there is."""
    for one in REGISTERED:
        plugin.register(one)
