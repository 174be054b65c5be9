"""Write a vision transformer of timm's with random weights as an encoder file: good for timing only.

python tests/benchmarks/vit_encoder.py FILE.onnx        (needs the extra `train`)

The default is a ViT-S/16 at 224 pixels in float32; --model vit_base_patch16_224 --precision float16 is what a
GPU is measured with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch

from embed_service.training.compat import timm
from embed_service.training.export.graph import traced
from embed_service.training.export.half import halved
from embed_service.training.export.metadata import describe
from vicinal.imaging.preprocessing import Preprocessing

HALF = (0.5, 0.5, 0.5)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="vit_small_patch16_224", metavar="NAME")
    parser.add_argument("--precision", choices=("float32", "float16"), default="float32")
    flags = parser.parse_args()
    torch.manual_seed(0)
    model = timm.create_model(flags.model, pretrained=False, num_classes=0).eval()
    size = int(model.patch_embed.img_size[0])
    graph = traced(model, size)
    if flags.precision == "float16":
        noise = np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32)
        graph = halved(graph, [noise])
    name = f"{flags.model}, {flags.precision}, random weights"
    describe(graph, Preprocessing(size, "bicubic", "crop", HALF, HALF, name), {})
    flags.file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, flags.file)


if __name__ == "__main__":
    main()
