"""The demo's own images: 4,000 of Fashion-MNIST's training set, 400 of each class, no two alike.

Fashion-MNIST: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017; MIT licence, see NOTICE. `make.py` chose the images and wrote the sheets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

__all__ = ["COUNT", "unpack"]

COUNT = 4000
"""How many images there are."""

_HERE = Path(__file__).parent
LABELS = _HERE / "labels.json"
SHEETS = tuple(_HERE / f"sheet_{number}.webp" for number in range(4))
"""Each holds 1,000 tiles of 28 × 28 grey pixels, 40 in a row, row by row."""
COLUMNS = 40
SIDE = 28


def unpack(folder: Path) -> None:
    """Write the images as `folder`/<class name>/<number>.png, grey, 28 × 28.

    Numbers are 0000 to 3999 over all classes. The folders are made where missing; files of the same names are
    replaced.

    Raises:
        OSError: a file cannot be written.
    """
    description: dict[str, Any] = json.loads(LABELS.read_text(encoding="utf-8"))
    names = description["classes"]
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, (label, tile) in enumerate(zip(description["labels"], _tiles(), strict=True)):
        tile.save(folder / names[label] / f"{number:04}.png")


def _tiles() -> Iterator[Image.Image]:
    for path in SHEETS:
        with Image.open(path) as opened:
            sheet = opened.convert("L")
        for top in range(0, sheet.height, SIDE):
            for left in range(0, sheet.width, SIDE):
                yield sheet.crop((left, top, left + SIDE, top + SIDE))
