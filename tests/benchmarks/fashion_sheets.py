"""Write Fashion-MNIST's training images as sheets, which `vicinal train --tile 28 --labels` reads.

python tests/benchmarks/fashion_sheets.py OUT [--folder /usr/share/datasets/fashion-mnist] [--count N]

OUT/sheets/train_00.png … hold 2,000 tiles of 28 × 28 grey pixels each, 50 in a row, in the original order;
OUT/labels.json is {"labels": [a number an image], "classes": [their names]}. Debian's package
dataset-fashion-mnist has the images (MIT licence).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image

from vicinal_cli.demo.sample.make import CLASSES, read_idx

SIDE = 28
COLUMNS = 50
A_SHEET = 2000


def main() -> None:
    """Write the sheets and the labels."""
    flags = _parser().parse_args()
    images = read_idx(flags.folder / "train-images-idx3-ubyte", dimensions=3)[: flags.count]
    labels = read_idx(flags.folder / "train-labels-idx1-ubyte", dimensions=1)[: flags.count]
    if len(images) % COLUMNS:
        raise SystemExit(f"{len(images)} images fill no rows of {COLUMNS}")
    sheets = flags.out / "sheets"
    sheets.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(images), A_SHEET)):
        tiles = images[start : start + A_SHEET].reshape(-1, COLUMNS, SIDE, SIDE)
        sheet = tiles.transpose(0, 2, 1, 3).reshape(-1, COLUMNS * SIDE)
        Image.fromarray(sheet).save(sheets / f"train_{number:02}.png")
    described = {"labels": labels.tolist(), "classes": CLASSES}
    (flags.out / "labels.json").write_text(json.dumps(described) + "\n", encoding="utf-8")
    print(f"wrote {len(images)} images to {sheets}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("/usr/share/datasets/fashion-mnist"),
        metavar="DIR",
        help="holds train-images-idx3-ubyte and train-labels-idx1-ubyte, packed (.gz) or not",
    )
    parser.add_argument("--count", type=int, metavar="N", help="only so many, from the first")
    return parser


if __name__ == "__main__":
    main()
