"""What moving a dataset to another encoder costs those who label meanwhile.

python tests/benchmarks/change_encoder.py [--samples N] [--dimension D]

Starts a graph service of its own on a new folder. One annotator labels at up to 50 labels a second: first
alone, then while vectors are staged as fast as one client can.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vicinal_client import GraphClient

OLD, NEW = "0" * 64, "1" * 64
CLASSES = [str(i) for i in range(10)]
PAUSE = 0.02


class Annotator(threading.Thread):
    """Labels one sample after the other and keeps how long each took, in ms."""

    def __init__(self, target: str, ids: list[str]) -> None:
        super().__init__(daemon=True)
        self.target, self.ids = target, ids
        self.times: list[float] = []
        self.stop = threading.Event()

    def run(self) -> None:
        with GraphClient(self.target, timeout=120) as client:
            for turn in range(sys.maxsize):
                if self.stop.wait(PAUSE):
                    return
                sample = self.ids[turn * 37 % len(self.ids)]
                started = time.perf_counter()
                client.add_labels("d", {sample: CLASSES[turn % 10]}, annotator="ann")
                self.times.append(1e3 * (time.perf_counter() - started))

    def told(self, when: str) -> None:
        """Print what was measured since the last time."""
        times, self.times = self.times, []
        print(f"a label, {when}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")


@contextmanager
def service() -> Iterator[str]:
    """Yield the address of a graph service."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        flags = [
            "--port",
            "0",
            "--port-file",
            str(port),
            "--data-dir",
            f"{folder}/data",
            "--log-level",
            "error",
        ]
        process = subprocess.Popen([sys.executable, "-m", "graph_service", *flags])
        try:
            while not port.exists():
                time.sleep(0.05)
            yield f"127.0.0.1:{port.read_text()}"
        finally:
            process.terminate()
            process.wait()


def vectors(count: int, dimension: int) -> npt.NDArray[np.float32]:
    """Ten clusters."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, dimension))[np.arange(count) % 10]
    found: npt.NDArray[np.float32] = (centres + rng.normal(size=(count, dimension))).astype(np.float32)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=128)
    arguments = parser.parse_args()
    found = vectors(arguments.samples, arguments.dimension)
    ids = [f"s{i}" for i in range(len(found))]
    with service() as target, GraphClient(target, timeout=600) as client:
        client.wait_until_ready(120)
        client.create_dataset("d", dimension=found.shape[1], classes=CLASSES, encoder_digest=OLD)
        started = time.perf_counter()
        client.add_samples("d", ids, found, encoder_digest=OLD)
        print(f"adding: {time.perf_counter() - started:.2f} s")
        annotator = Annotator(target, ids)
        annotator.start()
        time.sleep(5)
        annotator.told("with nothing else under way")
        started = time.perf_counter()
        client.stage_vectors("d", ids, found[::-1], encoder_digest=NEW)
        print(f"staging: {time.perf_counter() - started:.2f} s")
        annotator.told("while vectors are staged")
        started = time.perf_counter()
        client.change_encoder("d", NEW)
        print(f"the change: {1e3 * (time.perf_counter() - started):.1f} ms")
        annotator.stop.set()
        annotator.join()


if __name__ == "__main__":
    main()
