"""What ONNX Runtime can do with an encoder when nothing is around it, and images to feed encoders with.

On a CPU its threads wait for work either spinning, its default, or asleep, which is faster where cores are
few or shared. Both are tried. On a GPU batches go there from this process's memory, as they do in a service.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from embed_service.encoder.session import CPU, Device, Hardware, load_libraries
from embed_service.limits import Limits
from vicinal.imaging.decode import decode
from vicinal.imaging.preprocessing import Preprocessing

__all__ = ["BareLoop", "Figure", "make_images"]

BATCHES = (1, 2, 4, 8, 16, 32, 64)
BATCHES_OF_A_GPU = (*BATCHES, 128)
WAYS = ("spin", "sleep")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Figure:
    """One measurement: images a second, median latency and CPU an image in seconds."""

    rate: float
    p50: float
    server_cpu: float
    client_cpu: float = 0.0


class BareLoop:
    """An encoder in this process, and tensors ready for it.

    Attributes:
        name: the encoder's.
        decoding: CPU seconds that decoding and preprocessing take for an image, in one thread.
        batches: the sizes that are tried, as far as there are images.
    """

    def __init__(self, path: Path, images: Sequence[bytes], device: Device = "cpu") -> None:
        sizes = BATCHES if device == "cpu" else BATCHES_OF_A_GPU
        self.batches = tuple(size for size in sizes if size <= len(images))
        self._sessions = [_session(path, spin, device) for spin in (True, False)]
        self._session = self._sessions[0]
        text = self._session.get_modelmeta().custom_metadata_map["vicinal.preprocessing"]
        form = Preprocessing.from_json(text)
        self.name = form.name
        used = images[: max(self.batches)]
        started = time.thread_time()
        self._ready = np.concatenate(
            [form.normalised(form.resized(decode(image, Limits()))[None]) for image in used]
        )
        self.decoding = (time.thread_time() - started) / len(used)
        self._input = self._session.get_inputs()[0].name

    def unit_vectors(self, count: int) -> Floats:
        """Return the unit vectors of the first `count` images."""
        features = self._run(count)
        vectors: Floats = features / np.linalg.norm(features, axis=1, keepdims=True)
        return vectors

    def measure(self, batch: int, seconds: float) -> Figure:
        """Run again and again on `batch` tensors, for about so long."""
        self._run(batch)
        taken: list[float] = []
        cpu = time.process_time()
        while sum(taken) < seconds or len(taken) < 3:
            started = time.perf_counter()
            self._run(batch)
            taken.append(time.perf_counter() - started)
        images = batch * len(taken)
        return Figure(images / sum(taken), statistics.median(taken), (time.process_time() - cpu) / images)

    def best_batch(self, seconds: float) -> int:
        """Settle for the faster way to wait and return the batch size that is fastest with it.

        What each gives is printed; each is tried for `seconds`.
        """
        rates: dict[tuple[int, int], float] = {}
        for way, session in enumerate(self._sessions):
            self._session = session
            for batch in self.batches:
                rates[way, batch] = self.measure(batch, seconds).rate
            shown = (f"{batch}: {rates[way, batch]:.1f}" for batch in self.batches)
            print(f"bare loop, threads {WAYS[way]}, images/s by batch size:", *shown, sep="  ", flush=True)
        way, batch = max(rates, key=rates.__getitem__)
        self._session = self._sessions[way]
        print(f"taken: {batch} at a time, threads {WAYS[way]}")
        return batch

    def _run(self, batch: int) -> Floats:
        features: Floats = self._session.run(None, {self._input: self._ready[:batch]})[0]
        return features


def _session(path: Path, spin: bool, device: Device) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "01"[spin])
    wanted = Hardware(device).providers()
    if wanted:
        load_libraries()
    session = onnxruntime.InferenceSession(path, options, providers=[*wanted, CPU])
    expected = wanted[0][0] if wanted else CPU
    if session.get_providers()[0] != expected:
        raise SystemExit(f"ONNX Runtime could not start {expected}: it would run on the CPU in silence")
    return session


def make_images(count: int, side: int = 256) -> list[bytes]:
    """Return smooth noise, `side` × `side` pixels: JPEG and PNG in turns, the same ones every time."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        file = BytesIO()
        large = small.resize((side, side), Image.Resampling.BICUBIC)
        large.save(file, ("JPEG", "PNG")[number % 2], quality=90)
        found.append(file.getvalue())
    return found
