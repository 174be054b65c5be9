"""The peer: an encoder behind LitServe, with our decoding and preprocessing, tuned as its guides advise.

It runs in a virtual environment of its own, because it is no dependency of the project:

    python -m venv .venv-litserve
    .venv-litserve/bin/pip install litserve -c requirements.lock -e '.[embed]'
    .venv-litserve/bin/python tests/benchmarks/litserve_peer.py --encoder FILE.onnx --port 8000

Dynamic batching is on, images of a batch are decoded in parallel threads, and requests travel between
LitServe's processes through its faster queue.
"""

from __future__ import annotations

import argparse
import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import litserve
import numpy as np
import onnxruntime

from vicinal.imaging.decode import decode
from vicinal.imaging.preprocessing import Preprocessing


class Limits(NamedTuple):
    """What `decode` checks."""

    max_image_bytes: int = 16 * 1024 * 1024
    max_pixels: int = 50_000_000


class EncoderApi(litserve.LitAPI):
    """Encoded images in, unit vectors out."""

    def __init__(self, flags: argparse.Namespace) -> None:
        batching = {"max_batch_size": flags.max_batch, "batch_timeout": flags.batch_timeout}
        super().__init__(**(batching if flags.max_batch > 1 else {}))
        self.flags = flags

    def setup(self, device: str) -> None:
        """Load the encoder, in a worker process."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.flags.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "01"[self.flags.spin])
        self.session = onnxruntime.InferenceSession(self.flags.encoder, options)
        text = self.session.get_modelmeta().custom_metadata_map["vicinal.preprocessing"]
        self.form = Preprocessing.from_json(text)
        self.input = self.session.get_inputs()[0].name
        self.pool = ThreadPoolExecutor(self.flags.decoders)

    def decode_request(self, request: dict[str, str]) -> bytes:
        """JSON → an encoded image."""
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> np.ndarray:
        """Encoded images → pictures, in parallel."""
        return np.stack(list(self.pool.map(self.picture, inputs)))

    def predict(self, x: Any) -> np.ndarray:
        """Pictures → unit vectors."""
        pictures = self.picture(x)[None] if isinstance(x, bytes) else x
        features = self.session.run(None, {self.input: self.form.normalised(pictures)})[0]
        vectors = features / np.linalg.norm(features, axis=1, keepdims=True)
        return vectors[0] if isinstance(x, bytes) else vectors

    def encode_response(self, output: np.ndarray) -> dict[str, str]:
        """A vector → JSON."""
        return {"vector": base64.b64encode(output.tobytes()).decode()}

    def picture(self, data: bytes) -> np.ndarray:
        """An encoded image → what the encoder sees."""
        return self.form.resized(decode(data, Limits()))


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-batch", type=int, default=32, help="1: no batching")
    parser.add_argument("--batch-timeout", type=float, default=0.01, help="seconds to wait for a batch")
    parser.add_argument("--workers", type=int, default=1, help="processes with the encoder in them")
    parser.add_argument("--threads", type=int, default=0, help="of one inference; 0: one a core")
    parser.add_argument("--decoders", type=int, default=2)
    parser.add_argument("--no-spin", action="store_false", dest="spin", help="idle threads sleep at once")
    flags = parser.parse_args()
    server = litserve.LitServer(
        EncoderApi(flags), accelerator="cpu", workers_per_device=flags.workers, timeout=600, fast_queue=True
    )
    server.run(
        "127.0.0.1",
        flags.port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=600,  # a caller whose turn comes late must not find its connection closed
    )


if __name__ == "__main__":
    main()
