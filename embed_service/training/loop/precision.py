"""In which numbers the networks' products are done."""

from __future__ import annotations

import torch

__all__ = ["mixed_precision"]

_NAMES = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def mixed_precision(wanted: str, cpu: bool) -> str:
    """Return Accelerate's name for it.

    Args:
        wanted: "float32", "bfloat16", "float16" (with a scaled loss), or "auto": on a GPU bfloat16 where it
            has it, else float16; on a CPU bfloat16 where it multiplies it natively, else float32.
        cpu: no GPU is used.
    """
    if wanted != "auto":
        return _NAMES[wanted]
    if not cpu and torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    # Without the instruction bfloat16 is emulated, and slower. Torch tells only by a name it keeps to itself.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
    return "bf16" if native() else "no"
