"""Embed labelled images into an .npz that the benchmarks read.

The images are a folder with one sub-folder a class, or, with --tile, sheets of square tiles read row by row
in the order of their names, whose labels are in a NumPy file: `label` (n,), `classes`, and further columns
(n,), such as noisy labels, which are passed on.

The file written holds `vectors` float16 (n, dimension) of unit length, `labels` uint8 (n,), `classes` and the
further columns. Example:

    python tests/benchmarks/vectors.py --images DIR --tile 32 --labels DIR/labels.npz --out cifar10.npz
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.progress import track

from embed_service.encoder.model import Encoder
from embed_service.starter import STARTER_ENCODER

Columns = dict[str, npt.NDArray[np.generic]]

_SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".gif"}
_BATCH = 64
_NEIGHBOURS = 10
_TEMPERATURE = 0.1


def main() -> None:
    """Run the command."""
    flags = _parser().parse_args()
    if flags.tile:
        images, columns = _tiles(_files(flags.images), flags.tile), dict(np.load(flags.labels))
        columns["labels"] = columns.pop("label")
    else:
        images, columns = _folder_per_class(flags.images)
    count = min(len(columns["labels"]), flags.count or len(columns["labels"]))
    columns = {name: column if name == "classes" else column[:count] for name, column in columns.items()}
    encoder = Encoder(flags.encoder, device="cpu", threads=flags.threads)
    vectors = embed(encoder, islice(images, count), count)
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(flags.out, vectors=vectors, **columns)
    print(f"wrote {flags.out}: {count} vectors of {encoder.dimension} ({encoder.name})")
    if flags.knn:
        judged = min(flags.knn, count)
        accuracy = knn_accuracy(
            vectors[:judged].astype(np.float32), columns["labels"][:judged].astype(np.int64)
        )
        print(f"leave-one-out k-NN accuracy of the first {judged} (k = {_NEIGHBOURS}): {accuracy:.2%}")


def embed(encoder: Encoder, images: Iterable[Image.Image], count: int) -> npt.NDArray[np.float16]:
    """Return the unit vectors (count, dimension) of `count` RGB images, showing progress."""
    vectors = np.empty((count, encoder.dimension), dtype=np.float16)
    rest = iter(images)
    for start in track(range(0, count, _BATCH), description="embedding"):
        pixels = np.stack([encoder.preprocessing.resized(image) for image in islice(rest, _BATCH)])
        vectors[start : start + len(pixels)] = encoder.embed(list(encoder.preprocessing.normalised(pixels)))
    return vectors


def knn_accuracy(vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """Return the share of samples whose class wins the vote exp(cosine / 0.1) of their 10 nearest others.

    Args:
        vectors: Unit vectors (n, d). Needs n² floats of memory.
        labels: Classes (n,).
    """
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argpartition(-similarity, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    weight = np.exp(np.take_along_axis(similarity, nearest, axis=1) / _TEMPERATURE)
    votes = np.zeros((len(vectors), labels.max() + 1))
    np.add.at(votes, (np.arange(len(vectors))[:, None], labels[nearest]), weight)
    return float((votes.argmax(axis=1) == labels).mean())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _tiles(sheets: list[Path], side: int) -> Iterator[Image.Image]:
    for sheet in sheets:
        image = Image.open(sheet).convert("RGB")
        for top in range(0, image.height, side):
            for left in range(0, image.width, side):
                yield image.crop((left, top, left + side, top + side))


def _folder_per_class(folder: Path) -> tuple[Iterator[Image.Image], Columns]:
    """The images in an order that mixes the classes but is the same each time, and their labels."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [(path, label) for label, name in enumerate(classes) for path in _files(folder / name)]
    order = np.random.default_rng(0).permutation(len(files))
    labels = np.array([files[i][1] for i in order], dtype=np.uint8)
    images = (Image.open(files[i][0]).convert("RGB") for i in order)
    return images, {"labels": labels, "classes": np.array(classes)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of classes or of sheets"
    )
    parser.add_argument(
        "--tile", type=int, metavar="SIDE", help="the files are sheets of tiles of this side, in pixels"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="labels of the tiles (.npz); needed with --tile"
    )
    parser.add_argument("--count", type=int, help="only this many, from the first")
    parser.add_argument(
        "--encoder", type=Path, metavar="FILE", default=STARTER_ENCODER, help="an ONNX encoder"
    )
    parser.add_argument("--threads", type=int, default=0, help="of one inference; 0 lets ONNX Runtime choose")
    parser.add_argument("--knn", type=int, metavar="N", help="also print the k-NN accuracy of the first N")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .npz to write")
    return parser


if __name__ == "__main__":
    main()
