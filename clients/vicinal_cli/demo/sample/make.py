"""Choose the demo's images from Fashion-MNIST and write the sheets and labels beside this file.

Every class gives the same number of images, drawn from a seed; of images that are alike to the byte only the
first can be drawn. They keep the order of the training set, which mixes the classes.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from vicinal_cli.demo.sample import COLUMNS, COUNT, LABELS, SHEETS, SIDE

Bytes = npt.NDArray[np.uint8]

# Fashion-MNIST's, in the order of its label numbers, as folders may be named.
CLASSES = (
    "T-shirt-top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle-boot",
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    flags = _parser().parse_args(arguments)
    images = read_idx(flags.folder / "train-images-idx3-ubyte", dimensions=3)
    labels = read_idx(flags.folder / "train-labels-idx1-ubyte", dimensions=1)
    chosen = choose(images, labels, COUNT // len(CLASSES), flags.seed)
    for path, part in zip(SHEETS, np.split(chosen, len(SHEETS)), strict=True):
        sheet = (
            images[part].reshape(-1, COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(-1, COLUMNS * SIDE)
        )
        Image.fromarray(sheet).save(path, lossless=True, quality=100, method=6)
    description = {"classes": CLASSES, "labels": labels[chosen].tolist()}
    LABELS.write_text(json.dumps(description, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"wrote {COUNT} images, {sum(path.stat().st_size for path in (*SHEETS, LABELS)) / 1e6:.2f} MB")


def choose(images: Bytes, labels: Bytes, per_class: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the ascending indices of `per_class` images of each class, no two alike.

    Args:
        images: uint8 (n, height, width).
        labels: Classes (n,).
        per_class: How many of each; there must be as many.
        seed: The same seed draws the same images.
    """
    first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)[1]
    rng = np.random.default_rng(seed)
    parts = [
        rng.choice(np.sort(first[labels[first] == label]), per_class, replace=False)
        for label in np.unique(labels)
    ]
    return np.sort(np.concatenate(parts))


def read_idx(path: Path, dimensions: int) -> Bytes:
    """Read an IDX file of bytes, gzipped or not: a magic number, the shape in big-endian int32, the data.

    Args:
        path: of the file; where PATH.gz exists, that is read.
        dimensions: that it must have.

    Returns:
        uint8 of the file's shape.
    """
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.is_file() else path.read_bytes()
    start = 4 + 4 * dimensions
    if data[:4] != bytes((0, 0, 8, dimensions)):
        raise SystemExit(f"{path} is no IDX file of bytes in {dimensions} dimensions")
    shape = np.frombuffer(data[4:start], dtype=">i4")
    return cast("Bytes", np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vicinal_cli.demo.sample.make", description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        help="holds train-images-idx3-ubyte and train-labels-idx1-ubyte, packed (.gz) or not; "
        "Debian's package dataset-fashion-mnist has them in /usr/share/datasets/fashion-mnist",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    return parser


if __name__ == "__main__":
    main()
