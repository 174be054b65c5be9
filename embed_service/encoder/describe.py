"""Show what an encoder file says of itself, or write its preprocessing beside it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder, sidecar_of
from vicinal.imaging.preprocessing import FITS, RESIZES, Preprocessing, PreprocessingError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    flags = _parser().parse_args(arguments)
    try:
        if not flags.encoder.is_file():
            raise EncoderError(f"there is no file {flags.encoder}")
        if flags.size is not None:
            sidecar = sidecar_of(flags.encoder)
            sidecar.write_text(_sidecar_text(flags), encoding="utf-8")
            print(f"wrote {sidecar}")
        encoder = Encoder(flags.encoder, device="cpu")
    except (EncoderError, PreprocessingError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"name           {encoder.name}")
    print(f"digest         {encoder.digest}")
    print(f"dimension      {encoder.dimension}")
    print(f"preprocessing  {encoder.preprocessing.to_json()}")
    return 0


def _sidecar_text(flags: argparse.Namespace) -> str:
    mean, std = tuple(flags.mean), tuple(flags.std)
    preprocessing = Preprocessing(
        flags.size, flags.resize, flags.fit, mean, std, flags.name or flags.encoder.stem
    )
    values = json.loads(preprocessing.to_json()) | {"name": preprocessing.name}
    text = json.dumps(values, indent=2) + "\n"
    Preprocessing.from_json(text)  # no file rather than one that cannot be read
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m embed_service.encoder.describe",
        description=f"{__doc__} Without --size it only shows; with --size it writes FILE.json first. "
        "Use the numbers the encoder was trained with: wrong ones give vectors that are silently worse.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("encoder", type=Path, metavar="FILE", help="the ONNX file")
    parser.add_argument("--size", type=int, help="side of the square the encoder sees, in pixels")
    parser.add_argument("--resize", choices=tuple(RESIZES), default="bicubic", help="resampling filter")
    parser.add_argument(
        "--fit", choices=FITS, default="stretch", help="stretch the whole picture, or crop its middle square"
    )
    for flag, default in (("--mean", IMAGENET_MEAN), ("--std", IMAGENET_STD)):
        parser.add_argument(
            flag, type=float, nargs=3, default=default, metavar=("R", "G", "B"), help="of values in 0…1"
        )
    parser.add_argument("--name", default="", help="the encoder's name, for people; else the file's name")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
