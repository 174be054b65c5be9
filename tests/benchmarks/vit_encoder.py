"""Write a ViT-S/16 at 224 pixels with random weights as an encoder file: good for timing only.

python tests/benchmarks/vit_encoder.py FILE.onnx        (needs the extra `train`)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
import torch

from embed_service.training.compat import timm
from embed_service.training.export.graph import traced
from embed_service.training.export.metadata import describe
from vicinal.imaging.preprocessing import Preprocessing

HALF = (0.5, 0.5, 0.5)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    torch.manual_seed(0)
    model = timm.create_model("vit_small_patch16_224", pretrained=False, num_classes=0).eval()
    graph = traced(model, 224)
    describe(graph, Preprocessing(224, "bicubic", "crop", HALF, HALF, "ViT-S/16, random weights"), {})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, path)


if __name__ == "__main__":
    main()
