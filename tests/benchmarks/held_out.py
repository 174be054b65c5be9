"""The k-NN accuracy of a finished run on the images that it held out, judged in two ways.

python tests/benchmarks/held_out.py RUN [--cpu]        (a folder of `vicinal train … --held-out N`)

Prints one JSON object. `by_training_images`: each held-out image is classified by the labelled images that
were trained on, as is usual for encoders (Wu et al., "Unsupervised Feature Learning via Non-parametric
Instance Discrimination", CVPR 2018). `by_each_other`: by the other held-out images alone, which are fewer and
farther; it is what the probe during training says. Both: 10 neighbours, weights exp(cosine / 0.1).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from embed_service.training.backbones import load_encoder
from embed_service.training.data.pictures import Pictures, open_pictures, split
from embed_service.training.data.source import find
from embed_service.training.loop.description import read_run
from embed_service.training.loop.probe import embedded, knn_accuracy
from embed_service.training.loop.run import DESCRIPTION, ENCODER

NEIGHBOURS = 10
TEMPERATURE = 0.1
CHUNK = 1000


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    flags = parser.parse_args()
    images = read_run(flags.run / DESCRIPTION).images
    encoder = load_encoder(flags.run / ENCODER)
    encoder.model.to("cuda" if torch.cuda.is_available() and not flags.cpu else "cpu")
    source = find(
        Path(images.folder), images.tile, Path(images.labels) if images.labels else None, images.count
    )
    every = open_pictures(source, encoder.preprocessing, int(images.memory_gib * 2**30), print)
    trained, held_out = split(every, images.held_out)

    def vectors(pictures: Pictures) -> tuple[Tensor, Tensor]:
        if pictures.labels is None:
            raise SystemExit(f"{images.folder}: without labels there is no k-NN accuracy")
        found = embedded(encoder.model, encoder.preprocessing, pictures, np.arange(len(pictures)))
        return found, torch.from_numpy(pictures.labels).to(found.device)

    (known, classes), (asked, truth) = vectors(trained), vectors(held_out)
    right = float((voted(asked, known, classes) == truth).float().mean())
    print(json.dumps({"by_training_images": right, "by_each_other": knn_accuracy(asked, truth)}))


def voted(asked: Tensor, known: Tensor, classes: Tensor) -> Tensor:
    """Return the class, int64 (n,), that the nearest of `known` (m, d) vote for, for each `asked` (n, d)."""
    winners = []
    for some in asked.split(CHUNK):
        nearest = (some @ known.T).topk(NEIGHBOURS, dim=1)
        votes = torch.zeros(len(some), int(classes.max()) + 1, device=some.device)
        votes.scatter_add_(1, classes[nearest.indices], torch.exp(nearest.values / TEMPERATURE))
        winners.append(votes.argmax(dim=1))
    return torch.cat(winners)


if __name__ == "__main__":
    main()
