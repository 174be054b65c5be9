"""How near the service comes to a bare ONNX Runtime loop, and LitServe beside it, all in one interleaved run.

make bench-serving      (or: python tests/benchmarks/serving.py --help)

bare       session.run on tensors that are ready, at the batch size that is fastest; all else has to decode
ours       python -m embed_service, its cache off, over a socket
litserve   the same encoder, decoding and preprocessing behind LitServe with batching (litserve_peer.py says
           how to install it); left out without --litserve
litserve1  the same without batching, which answers a lone caller sooner

Callers are a process of their own on the same machine (callers.py) and send JPEG and PNG images of
256 × 256. A server that is not being measured is stopped (SIGSTOP): LitServe's poll while they wait. Figures
are medians over the rounds, of which each measures everything once; CPU is what all of a server's processes
spent for an image.

On a GPU (--device cuda) only throughput is judged: of callers who send --together images at a time, as those
do who embed many. `pip install '.[train,gpu]'` has all that is needed; gpu.py runs this and more.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pickle
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from bare_loop import BareLoop, Figure, make_images
from servers import Server, litserve_server, our_server, stop_in_order

from embed_service.starter import STARTER_ENCODER

HERE = Path(__file__).parent
VIT = Path(".cache/benchmarks/vit_small_patch16_224.onnx")
COMPARED = 8
LONE = "bare, a lone image"
LEAST_SHARE = {"cpu": 0.85, "cuda": 0.8}
MOST_DELAY = {"cpu": 1.3}
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
PEERS = (
    "--max-batch 32 --batch-timeout 0.01",
    "--max-batch 32 --batch-timeout 0.01 --no-spin",
    "--max-batch 32 --batch-timeout 0.05 --no-spin",
    "--max-batch 8 --batch-timeout 0.01 --no-spin",
    "--max-batch 32 --batch-timeout 0.01 --workers 2 --threads 1 --no-spin",
)
"""Ways to set LitServe up; the fastest is compared."""
Steps = dict[str, Callable[[], Figure]]


def call(
    server: Server, images: Path, callers: int, each: int, together: int = 1
) -> tuple[Figure, np.ndarray]:
    """Measure `server`, and return its vectors of the first images too."""
    words = [server.protocol, server.address, "--images", images, "--callers", callers, "--each", each]
    words += ["--together", together]
    with server.awake():
        cpu = server.cpu_seconds()
        done = subprocess.run(
            [sys.executable, HERE / "callers.py", *map(str, words)], check=True, stdout=subprocess.PIPE
        )
        cpu = server.cpu_seconds() - cpu
    met = json.loads(done.stdout)
    vectors = np.frombuffer(base64.b64decode(met["vectors"]), np.float32).reshape(COMPARED, -1)
    return Figure(met["rate"], met["p50"], cpu / met["images"], met["client_cpu"]), vectors


def check_same(name: str, vectors: np.ndarray, bare: BareLoop) -> None:
    """End everything unless `vectors` are those of the bare loop: a fast wrong answer is none."""
    least = float((vectors * bare.unit_vectors(COMPARED)).sum(axis=1).min())
    if least < 0.999:
        raise SystemExit(f"{name} gives other vectors than the bare loop: least cosine {least:.4f}")


def best_peer(model: Path, images: Path, flags: argparse.Namespace, each: int) -> str:
    """Return the flags with which LitServe is fastest; what each gives is printed."""
    rates = {}
    for words in PEERS:
        with litserve_server(flags.litserve, model, *words.split()) as server:
            rates[words] = call(server, images, flags.callers, each)[0].rate
        print(f"litserve {words}: {rates[words]:.1f} images/s", flush=True)
    return max(rates, key=rates.__getitem__)


def our_flags(model: Path, batch: int, flags: argparse.Namespace) -> list[object]:
    """Return how our service is started; on a GPU with the batch size that suits the bare loop best."""
    crowd = flags.callers * flags.together
    words = ["--encoder", model, "--cache-bytes", 0, "--device", flags.device, "--max-queue", max(256, crowd)]
    if flags.device != "cpu":
        words += ["--max-batch", batch, "--decoders", os.cpu_count() or 1]
    return [*words, *flags.ours.split()]


def servers_of(
    model: Path, folder: Path, batch: int, peer: str | None, flags: argparse.Namespace
) -> dict[str, Server]:
    """Return what is compared, not started yet."""
    found = {"ours": our_server(folder, *our_flags(model, batch, flags))}
    if peer is not None:
        found["litserve"] = litserve_server(flags.litserve, model, *peer.split())
        found["litserve1"] = litserve_server(flags.litserve, model, "--max-batch", 1, "--no-spin")
    return found


def steps_of(
    bare: BareLoop, batch: int, servers: dict[str, Server], images: Path, flags: argparse.Namespace
) -> Steps:
    """Return the measurements of one round, in order."""
    each, alone = sizes(bare, batch, flags)

    def called(name: str, callers: int, each: int, together: int = 1) -> Figure:
        return call(servers[name], images, callers, each, together)[0]

    steps: Steps = {f"bare, {batch} at a time": partial(bare.measure, batch, flags.seconds)}
    for name in [name for name in servers if name != "litserve1"]:
        steps[f"{name}, {flags.callers} callers"] = partial(called, name, flags.callers, each, flags.together)
    steps[LONE] = partial(bare.measure, 1, flags.seconds / 2)
    for name in servers:
        steps[f"{name}, 1 caller"] = partial(called, name, 1, alone)
    return steps


def sizes(bare: BareLoop, batch: int, flags: argparse.Namespace) -> tuple[int, int]:
    """Return how many requests each of many callers, and a lone one, can send in the time."""
    rate, lone = (bare.measure(count, flags.seconds / 8).rate for count in (batch, 1))
    crowd = flags.callers * flags.together
    return max(2, round(flags.seconds * rate / crowd)), max(8, round(flags.seconds / 2 * lone))


def compare(model: Path, flags: argparse.Namespace) -> dict[str, object]:
    """Measure one encoder, print what came out, and return it."""
    images = make_images(flags.images)
    bare = BareLoop(model, images, flags.device)
    print(f"\n{bare.name or model.name}; {1e3 * bare.decoding:.2f} ms to decode and preprocess an image")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vicinal-bench-")))
        stored = folder / "images.pickle"
        stored.write_bytes(pickle.dumps(images))
        batch = bare.best_batch(flags.seconds / 8)
        each = max(1, sizes(bare, batch, flags)[0] // 2)
        peer = best_peer(model, stored, flags, each) if flags.litserve else None
        servers = servers_of(model, folder, batch, peer, flags)
        for name, server in servers.items():
            stack.enter_context(server)
            check_same(name, call(server, stored, 1, 2)[1], bare)
        steps = steps_of(bare, batch, servers, stored, flags)
        found: dict[str, list[Figure]] = {name: [] for name in steps}
        for number in range(flags.rounds):
            for name, step in steps.items():
                found[name].append(step())
                one = found[name][-1]
                print(f"  {number + 1}: {name:24} {one.rate:8.1f}/s  p50 {1e3 * one.p50:8.1f} ms", flush=True)
    share, lag = show(found, flags.device)
    figures = {name: [asdict(one) for one in each] for name, each in found.items()}
    return {"encoder": bare.name, "batch": batch, "throughput": share, "lone": lag, "figures": figures}


def show(found: dict[str, list[Figure]], device: str) -> tuple[float, float]:
    """Print medians, their spread, and how they stand to the bare loop; return the two that are judged."""
    crowd = next(iter(found))
    rate, delay = middle(found[crowd], "rate"), middle(found[LONE], "p50")
    print(f"{'':24} {'images/s':>22} {'p50, ms':>24} {'CPU an image, ms':>18}")
    for name, figures in found.items():
        server, client = (1e3 * middle(figures, key) for key in ("server_cpu", "client_cpu"))
        if name == LONE or name.endswith(" 1 caller"):
            verdict = f"{middle(figures, 'p50') / delay:.2f} × the latency"
        else:
            verdict = f"{middle(figures, 'rate') / rate:.0%} of the throughput"
        rates, delays = spread(figures, "rate", 1), spread(figures, "p50", 1e3)
        print(f"{name:24} {rates:>22} {delays:>24} {server:9.2f} + {client:4.2f}   {verdict}")
    (ours,) = (figures for name, figures in found.items() if re.match(r"ours, \d+ callers", name))
    share, lag = middle(ours, "rate") / rate, middle(found["ours, 1 caller"], "p50") / delay
    least, most = LEAST_SHARE[device], MOST_DELAY.get(device)
    print(f"throughput {share:.0%}, wanted at least {least:.0%}: {met(share >= least)}")
    judged = f", wanted at most {most}: {met(lag <= most)}" if most else ", not judged on a GPU"
    print(f"lone latency × {lag:.2f}{judged}")
    return share, lag


def met(target: bool) -> str:
    """Whether a target was met, in a word."""
    return "met" if target else "MISSED"


def spread(figures: Sequence[Figure], key: str, unit: float) -> str:
    """The median of one number, with the least and the most."""
    values = [unit * getattr(one, key) for one in figures]
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def middle(figures: Sequence[Figure], key: str) -> float:
    """The median of one number."""
    return statistics.median(getattr(one, key) for one in figures)


def versions(python: str, *names: str) -> str:
    """What the interpreter `python` has installed of `names`."""
    script = (
        "import platform, sys; from importlib.metadata import distributions; "
        "have = {one.name: one.version for one in distributions()}; "
        "print('Python', platform.python_version(), *(f'{n} {have[n]}' for n in sys.argv[1:] if n in have))"
    )
    done = subprocess.run([python, "-c", script, *names], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main() -> None:
    """Compare on each encoder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        action="append",
        help="an ONNX file with its preprocessing "
        "inside; several may be given. Default: a ViT-S/16 with random weights, and the starter",
    )
    parser.add_argument(
        "--litserve", type=Path, metavar="PYTHON", help="the Python that LitServe is installed for"
    )
    parser.add_argument("--ours", default="", help="more flags for embed_service, in one word")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of one measurement with many callers, about"
    )
    parser.add_argument("--images", type=int, default=256, help="different ones")
    parser.add_argument(
        "--together", type=int, default=1, metavar="N", help="images in a request; a power of 2, at most 64"
    )
    parser.add_argument(
        "--device", choices=sorted(LEAST_SHARE), default="cpu", help="of the loop and of ours"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    flags = parser.parse_args()
    if flags.litserve and (flags.device != "cpu" or flags.together != 1):
        parser.error("LitServe is compared on the CPU, with an image a request")
    stop_in_order()
    if not flags.encoder and not VIT.exists():
        subprocess.run([sys.executable, HERE / "vit_encoder.py", VIT], check=True)
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(versions(sys.executable, *RUNTIMES, "grpcio", "pillow", "numpy"))
    if flags.litserve:
        print(versions(flags.litserve, "litserve", "onnxruntime", "pillow", "numpy"))
    found = [compare(model, flags) for model in flags.encoder or [VIT, STARTER_ENCODER]]
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
