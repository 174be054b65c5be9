"""Images → unit vectors, over gRPC, with one ONNX encoder.

__main__  flags (in `flags`), wiring, start, stop
rpc       servicer (proto ↔ domain and nothing else), conversion
batching  many callers' images → batches, and the answers back
encoder   the ONNX file and its preprocessing
limits    what the service bears
"""

import os

# From 1.29 on ONNX Runtime's official builds report every session (file name, hashes, hardware) to their
# maker over the network. Only the environment stops that in full, and only before the first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
