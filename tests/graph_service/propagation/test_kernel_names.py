"""Compiled kernels of different code have different names."""

from graph_service.propagation import chebyshev, kernel, remake
from graph_service.propagation.lanes import SIZES


def test_each_size_has_a_name_of_its_own():
    """Kernels that two processes cached are linked by name; another size would write past the end of rows."""
    for module, kind in ((kernel, "multiply"), (chebyshev, "blend")):
        names = {getattr(module, f"_{kind}_{size}").py_func.__qualname__ for size in SIZES}
        assert len(names) == len(SIZES)


def test_one_core_and_all_have_names_of_their_own():
    kernels = [*remake._by_one.values(), *remake._by_all.values()]
    assert len({kernel.__wrapped__.__qualname__ for kernel in kernels}) == len(kernels)
