"""Compiled kernels of different code have different names."""

from graph_service.propagation import chebyshev, kernel
from graph_service.propagation.lanes import SIZES


def test_each_size_has_a_name_of_its_own():
    """Kernels that two processes cached are linked by name; another size would write past the end of rows."""
    for module, kind in ((kernel, "multiply"), (chebyshev, "blend")):
        names = {getattr(module, f"_{kind}_{size}").py_func.__qualname__ for size in SIZES}
        assert len(names) == len(SIZES)
