"""Images → unit vectors, over gRPC, with ONNX encoders.

__main__  flags (in `flags`), wiring, start, stop
rpc       servicers (proto ↔ domain and nothing else), conversion
batching  many callers' images → batches, and the answers back
cache     vectors that were made before
encoder   the ONNX file and its preprocessing
encoders  those that are served side by side
limits    what the service bears
training  makes encoders: adapts, trains and exports them; nothing that serves imports it
"""

import os

# From 1.29 on ONNX Runtime's official builds report every session (file name, hashes, hardware) to their
# maker over the network. Only the environment stops that in full, and only before the first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
