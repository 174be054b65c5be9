"""The starter encoder behind a real Triton and behind our service: are the vectors the same?

Needs an environment of its own, since PyTriton, which carries Triton's server, wants an old numpy, and a
shared libpython (where Python is not the system's, LD_LIBRARY_PATH names its folder):

    pip install nvidia-pytriton 'vicinal[embed]'
    python tests/benchmarks/real_triton.py

Triton's model `pictures` takes FP32, preprocessed by our client; `files` takes encoded files, and decodes
them itself. Prints the greatest difference of a number for each, and what becomes of a file that is no image.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from embed_service.starter import STARTER_ENCODER
from vicinal.imaging.preprocessing import Preprocessing
from vicinal_client import EmbedClient, InferenceClient

PORT = 18_001
IMAGES = 40


def main() -> None:
    """Compare and print."""
    session = onnxruntime.InferenceSession(STARTER_ENCODER)
    preprocessing = session.get_modelmeta().custom_metadata_map["vicinal.preprocessing"]
    images = photos(IMAGES)
    config = TritonConfig(grpc_port=PORT, http_port=PORT + 1, metrics_port=PORT + 2)
    with tempfile.TemporaryDirectory() as folder, Triton(config=config) as triton:
        bind(triton, session, Preprocessing.from_json(preprocessing))
        triton.run()
        ours = by_our_service(images, Path(folder) / "port")
        for name, options in (("pictures", {"preprocessing": preprocessing}), ("files", {})):
            with InferenceClient(f"127.0.0.1:{PORT}", name, **options) as client:
                client.wait_until_ready(60)
                found = client.embed(images)
                bad = client.embed([images[0], b"no image"])
            difference = np.abs(found.vectors - ours).max()
            reasons = [error and error.reason for error in bad.errors]
            print(
                f"{name}: {IMAGES} images, greatest difference {difference:.2g}; a bad one: {reasons}",
                flush=True,
            )


def bind(triton: Triton, session: Any, preprocessing: Preprocessing) -> None:
    """Serve both models, which refuse more than 8 images at a time."""
    source, target = session.get_inputs()[0], session.get_outputs()[0]

    @batch
    def pictures(**inputs: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        return {target.name: session.run(None, inputs)[0]}

    @batch
    def files(files: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[np.float32]]:
        opened = [Image.open(io.BytesIO(row[0])).convert("RGB") for row in files]
        pixels = np.stack([preprocessing.resized(image) for image in opened])
        return {target.name: session.run(None, {source.name: preprocessing.normalised(pixels)})[0]}

    vectors = [Tensor(name=target.name, dtype=np.float32, shape=tuple(target.shape[1:]))]
    config = ModelConfig(max_batch_size=8)
    picture = Tensor(name=source.name, dtype=np.float32, shape=tuple(source.shape[1:]))
    triton.bind("pictures", pictures, [picture], vectors, config=config)
    triton.bind("files", files, [Tensor(name="files", dtype=bytes, shape=(1,))], vectors, config=config)


def by_our_service(images: list[bytes], port_file: Path) -> npt.NDArray[np.float32]:
    """Return the vectors that the embedding service gives."""
    command = [sys.executable, "-m", "embed_service", "--port", "0", "--port-file", str(port_file)]
    service = subprocess.Popen(command)
    try:
        while not port_file.exists():
            time.sleep(0.1)
        with EmbedClient(f"127.0.0.1:{port_file.read_text().strip()}") as client:
            client.wait_until_ready()
            return client.embed(images).vectors
    finally:
        service.terminate()
        service.wait()


def photos(count: int) -> list[bytes]:
    """Return smooth pictures of many sizes, as JPEG."""
    chance, found = np.random.default_rng(0), []
    for number in range(count):
        small = Image.fromarray(chance.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        file = io.BytesIO()
        small.resize((300 + number, 200 + 2 * number), Image.Resampling.BICUBIC).save(file, "JPEG")
        found.append(file.getvalue())
    return found


if __name__ == "__main__":
    main()
