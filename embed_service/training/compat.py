"""timm, on machines where torchvision lost its compiled operators.

timm imports torchvision for transforms that this project does not use. Some CPU builds of torchvision come
without the compiled library that registers `torchvision::nms`, and then the import fails on describing it.
Where it does, the two operators are declared (without a body: nothing here calls them) and the import is
repeated. A complete torchvision never takes that path.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import torch

__all__ = ["timm"]

_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)
# A library is undone when it is collected, so it lives as long as the module.
_declared: list[Any] = []


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            library.define(schema)
        _declared.append(library)
        importlib.import_module("torchvision")


_import_torchvision()
timm: Any = importlib.import_module("timm")
