"""A small vision transformer that this project trained, from scratch with BYOL. Its card is README.md."""

from pathlib import Path

FASHION_ENCODER = Path(__file__).with_name("vit_fashion_32_int8.onnx")
"""The file; its preprocessing is inside."""
