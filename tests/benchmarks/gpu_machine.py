"""Which card, driver and libraries there are, and whether torch and ONNX Runtime can use them.

python tests/benchmarks/gpu_machine.py [--cpu]    (prints one JSON object; `troubles` is what is in the way)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions

import torch

from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder
from embed_service.starter import STARTER_ENCODER

RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
PACKAGES = ("torch", "torchvision", "timm", "accelerate", "onnx", *RUNTIMES, "nvidia-cudnn-cu13")


def main() -> None:
    """Print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="no GPU is wanted")
    cpu = parser.parse_args().cpu
    have = {one.name: one.version for one in distributions()}
    found = {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "cards": cards(),
        "cuda_of_torch": torch.version.cuda,
        "versions": {name: have[name] for name in PACKAGES if name in have},
        "troubles": [] if cpu else list(troubles(have)),
    }
    print(json.dumps(found))


def cards() -> list[str]:
    """Return name, driver and memory of each card, as nvidia-smi says them; none where there is no such."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return done.stdout.strip().splitlines()


def troubles(installed: Mapping[str, str]) -> Iterator[str]:
    """Yield, in a sentence each, what keeps the GPU from being used."""
    if all(name in installed for name in RUNTIMES):
        yield f"{' and '.join(RUNTIMES)} lie over each other: uninstall both, then install '.[train,gpu]'"
    if not torch.cuda.is_available():
        cuda = torch.version.cuda
        yield f"torch {torch.__version__} finds no GPU: " + (
            f"none is there, or its driver is too old for CUDA {cuda}" if cuda else "it is a CPU build"
        )
    try:
        Encoder(STARTER_ENCODER, device="cuda").probe()
    except EncoderError as error:
        yield str(error)


if __name__ == "__main__":
    main()
