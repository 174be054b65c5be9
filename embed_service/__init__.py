"""Images → unit vectors, over gRPC, with one ONNX encoder.

__main__  flags (in `flags`), wiring, start, stop
rpc       servicer (proto ↔ domain and nothing else), conversion
batching  many callers' images → batches, and the answers back
encoder   the ONNX file and its preprocessing
images    encoded bytes → an upright RGB picture
limits    what the service bears
"""
