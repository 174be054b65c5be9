"""The encoder that vicinal comes with, and how it was made.

architecture  the network as an ONNX graph
quantisation  its float32 → int8 that gives the same vectors on every CPU
convert       command: published weights → efficientnet_lite0_128_int8.onnx

Only the file is needed to serve; the code needs the `train` extra, and borrows drawn pictures and
scales from `embed_service.training.export`.
"""

from pathlib import Path

STARTER_ENCODER = Path(__file__).with_name("efficientnet_lite0_128_int8.onnx")
"""The file; its preprocessing is inside."""
