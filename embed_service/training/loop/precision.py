"""In which numbers the networks' products are done."""

from __future__ import annotations

import torch

from embed_service.training.errors import TrainingError

__all__ = ["mixed_precision"]

_NAMES = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def mixed_precision(wanted: str, cpu: bool) -> str:
    """Return Accelerate's name for it.

    Args:
        wanted: "float32", "bfloat16", "float16" (with a scaled loss), or "auto": on a GPU bfloat16 where it
            has it, else float16; on a CPU bfloat16 where it multiplies it natively, else float32.
        cpu: no GPU is used.

    Raises:
        TrainingError: float16 without a GPU.
    """
    gpu = not cpu and torch.cuda.is_available()
    if wanted == "float16" and not gpu:
        raise TrainingError("precision float16 needs a GPU; bfloat16 and float32 do not")
    if wanted != "auto":
        return _NAMES[wanted]
    if gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    # Without the instruction bfloat16 is emulated, and slower. Torch tells only by a name it keeps to itself.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
    return "bf16" if native() else "no"
