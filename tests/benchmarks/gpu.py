"""Everything that wants a GPU, in one go: training from scratch, export in float16, throughput of serving.

    pip install -c requirements.lock '.[train,gpu]'
    python tests/benchmarks/gpu.py --cifar DIR [--tile 32 --labels FILE] [--out gpu-results]

DIR holds CIFAR-10's training images: a folder a class, or, with --tile, sheets of tiles with their labels in
FILE (.npz with `label`, or .json with `labels`). In this order, each part in processes of its own:

machine     card, driver, versions, and what is in the way of using them
cifar       trains the preset scratch-small on all images but those held out, with a probe every few epochs
fashion     the same on Fashion-MNIST (Debian's package dataset-fashion-mnist, or --fashion DIR), at 28 pixels
export      what was trained, in float16, compared with torch
throughput  a ViT-B/16 at 224 pixels in float16, served, against a bare ONNX Runtime loop on the same card

OUT/results.json and OUT/results.md are written after each part. A part that fails costs only itself; what a
part found stays until it is run again (--skip). Trainings that were stopped are gone on with. The exit status
is 0 if nothing failed and every target that was measured is met. The accuracy that is judged is the one by
the images trained on (held_out.py); the one by epoch is the probe's, by the other held-out images, and lower.
--smoke runs nearly every line on a CPU in a minute; its figures say nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gpu_report import Report, Target

from embed_service.training.data.source import find
from embed_service.training.presets import PRESETS
from vicinal_cli.demo.sample import LABELS, SHEETS, SIDE

HERE = Path(__file__).parent
PRESET = "scratch-small"
CIFAR_ACCURACY = 0.85
LEAST_COSINE = 0.999
LEAST_SHARE = 0.8
TRAINING = ("-m", "embed_service.training")
# fmt: off
SMOKE_TRAINING = (
    "--cpu", "--count", "200", "--steps", "6", "--batch", "16", "--dimension", "24", "--depth", "1",
    "--heads", "2", "--hidden", "32", "--projection", "16", "--precision", "float32",
)
SMOKE_SERVING = (
    "--device", "cpu", "--callers", "2", "--together", "4", "--images", "8", "--rounds", "1",
    "--seconds", "0.3",
)
SERVING = ("--device", "cuda", "--callers", "16", "--together", "32", "--rounds", "3", "--seconds", "10")
# fmt: on


class PartFailed(Exception):
    """A command of a part did not end well; the message says which."""


class LeftOut(Exception):
    """What a part needs is not there; the message says what."""


@dataclass(frozen=True)
class Images:
    """Labelled images on disk, as the training commands take them."""

    folder: Path
    tile: int | None
    labels: Path | None

    def words(self) -> list[str]:
        """The options that say so."""
        found = ["--images", str(self.folder)]
        found += ["--tile", str(self.tile)] if self.tile else []
        return [*found, "--labels", str(self.labels)] if self.labels else found


Part = tuple[dict[str, Any], list[Target]]


def python(*words: object) -> str:
    """Run Python with `words`; pass on what it says, and return what it said on stdout.

    Raises:
        PartFailed: its exit status is not 0.
    """
    said = []
    command = [sys.executable, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
    if process.returncode:
        raise PartFailed(f"exit status {process.returncode} of python {' '.join(command[1:])}")
    return "".join(said)


def last_json(said: str) -> dict[str, Any]:
    """Return the object in the last line; libraries may have said something before."""
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def machine(flags: argparse.Namespace) -> Part:
    """Look at what there is."""
    found = last_json(python(HERE / "gpu_machine.py", *["--cpu"] * flags.smoke))
    if found["troubles"]:
        found["failed"] = "; ".join(found["troubles"])
    return found, []


def cifar(flags: argparse.Namespace) -> Part:
    """Train on CIFAR-10, or whatever images were given."""
    images = Images(flags.cifar, flags.tile, flags.labels)
    if flags.smoke and not flags.cifar:
        images = Images(SHEETS[0].parent, SIDE, LABELS)
    elif not flags.cifar:
        raise LeftOut("no images: --cifar DIR")
    found = trained(images, flags.out / "cifar", flags.steps, flags)
    accuracy = found["held_out"]["by_training_images"]
    return found, [Target("k-NN accuracy on CIFAR-10's held-out images", CIFAR_ACCURACY, accuracy)]


def fashion(flags: argparse.Namespace) -> Part:
    """Train on Fashion-MNIST."""
    if not flags.fashion.is_dir():
        raise LeftOut(f"no folder {flags.fashion}: --fashion DIR")
    sheets = flags.out / "fashion-images"
    count = ("--count", 200) if flags.smoke else ()
    python(HERE / "fashion_sheets.py", sheets, "--folder", flags.fashion, *count)
    images = Images(sheets / "sheets", SIDE, sheets / "labels.json")
    return trained(images, flags.out / "fashion", flags.fashion_steps, flags), []


def trained(images: Images, run: Path, steps: int | None, flags: argparse.Namespace) -> dict[str, Any]:
    """Train, or go on; return pace, loss, and the accuracy by epoch and at the end."""
    if not flags.smoke and not torch.cuda.is_available():
        raise PartFailed("torch finds no GPU, and on a CPU this takes weeks")
    started = time.monotonic()
    if (run / "checkpoint.pt").exists():
        python(*TRAINING, "train", "--resume", run)
    else:
        python(*TRAINING, "train", *training_words(images, steps, flags), "--out", run)
    rows = list(rows_of(run / "metrics.csv"))
    held_out = last_json(python(HERE / "held_out.py", run, *["--cpu"] * flags.smoke))
    return {
        "run": str(run),
        "images": images.words(),
        "seconds": round(time.monotonic() - started, 1),
        "steps": int(rows[-1]["step"]),
        "loss": rows[-1]["loss"],
        "spread": rows[-1]["spread"],
        "steps_per_second": statistics.median(
            row["steps_per_second"] for row in rows if "steps_per_second" in row
        ),
        "knn_by_epoch": [(row["epoch"], row["knn"]) for row in rows if "knn" in row],
        "held_out": held_out,
    }


def training_words(images: Images, steps: int | None, flags: argparse.Namespace) -> list[object]:
    """How the training is begun: the preset, at the tiles' size."""
    words: list[object] = ["--preset", PRESET, *images.words(), "--stop-on-collapse"]
    words += ["--image-size", images.tile] if images.tile else []
    if flags.smoke:
        return [*words, *SMOKE_TRAINING, "--held-out", 50, "--probe-every", 3, "--log-every", 2]
    count = find(images.folder, images.tile, images.labels).count
    epoch = (count - flags.held_out) // PRESETS[PRESET].settings.batch
    words += ["--steps", steps] if steps else []
    words += ["--held-out", flags.held_out, "--probe-images", flags.held_out]
    return [*words, "--probe-every", flags.probe_epochs * epoch, "--checkpoint-every", 2000]


def rows_of(path: Path) -> Iterator[dict[str, float]]:
    """Yield the rows of a metrics.csv, without what was not measured."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {name: float(value) for name, value in row.items() if value}


def export(flags: argparse.Namespace) -> Part:
    """Export what was trained in float16; the command refuses what is not what torch computes."""
    found, targets = {}, []
    few = ("--calibrate", 32, "--judge", 64) if flags.smoke else ()
    for name in ("cifar", "fashion"):
        checkpoint = flags.out / name / "encoder.pt"
        if not checkpoint.exists():
            continue
        file = flags.out / f"{name}-float16.onnx"
        run = json.loads((flags.out / name / "run.json").read_text(encoding="utf-8"))["images"]
        labels = Path(run["labels"]) if run["labels"] else None
        images = Images(Path(run["folder"]), run["tile"], labels)
        words = ("export-encoder", checkpoint, "--out", file, "--precision", "float16", *images.words(), *few)
        said = python(*TRAINING, *words)
        found[name] = dict(line.split("  ", 1) for line in said.splitlines() if "  " in line)
        least = re.search(r"least ([\d.]+)", found[name]["cosine with torch"])
        targets.append(
            Target(
                f"float16's least cosine with torch, {name}", LEAST_COSINE, float(least[1] if least else 0)
            )
        )
    if not found:
        raise LeftOut("nothing was trained")
    return found, targets


def throughput(flags: argparse.Namespace) -> Part:
    """Serve, and compare with a bare loop."""
    model = "vit_tiny_patch16_224" if flags.smoke else "vit_base_patch16_224"
    file, figures = flags.out / f"{model}-float16.onnx", flags.out / "serving.json"
    python(HERE / "vit_encoder.py", file, "--model", model, "--precision", "float16")
    options = SMOKE_SERVING if flags.smoke else SERVING
    python(HERE / "serving.py", "--encoder", file, "--json", figures, *options)
    (found,) = json.loads(figures.read_text(encoding="utf-8"))
    crowd = next(each for name, each in found["figures"].items() if name.startswith("ours"))
    found["images_per_second"] = statistics.median(one["rate"] for one in crowd)
    return found, [Target("served, as a share of the bare loop's images/s", LEAST_SHARE, found["throughput"])]


PARTS: dict[str, Callable[[argparse.Namespace], Part]] = {
    part.__name__: part for part in (machine, cifar, fashion, export, throughput)
}


def main() -> int:
    """Run the parts; return the exit status."""
    flags = parser().parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    report = Report.begun(flags.out, flags.smoke)
    for name, part in PARTS.items():
        if name in flags.skip:
            continue
        print(f"\n== {name}", flush=True)
        found: dict[str, Any]
        targets: list[Target] = []
        try:
            found, targets = part(flags)
        except LeftOut as reason:
            found = {"left_out": str(reason)}
        except Exception as error:  # what one part lacks must not cost the others
            found = {"failed": f"{type(error).__name__}: {error}"}
        report.add(name, found, targets)
    print(f"\n{report.page()}\n\nwritten to {flags.out / 'results.json'} and results.md")
    return 1 if report.failed or (report.missed and not flags.smoke) else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar", type=Path, metavar="DIR", help="CIFAR-10's training images")
    parser.add_argument("--tile", type=int, metavar="SIDE", help="they are sheets of tiles of so many pixels")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="of the tiles, in order")
    parser.add_argument(
        "--fashion", type=Path, default=Path("/usr/share/datasets/fashion-mnist"), metavar="DIR"
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), metavar="DIR")
    parser.add_argument(
        "--skip", nargs="+", default=[], choices=PARTS, metavar="PART", help=f"some of {', '.join(PARTS)}"
    )
    parser.add_argument("--held-out", type=int, default=5000, metavar="N", help="images not trained on")
    parser.add_argument("--probe-epochs", type=int, default=20, metavar="N", help="epochs between two probes")
    parser.add_argument("--steps", type=int, metavar="N", help="of cifar; default: the preset's")
    parser.add_argument("--fashion-steps", type=int, default=10_000, metavar="N", help="of fashion")
    parser.add_argument("--smoke", action="store_true", help="a minute on a CPU, to see that it runs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
