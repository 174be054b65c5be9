"""What is set for the whole process."""

import platform
import re
import subprocess
import sys

import pytest

HEAPS = """
import ctypes
import sys
import threading
import numpy as np
import graph_service.__main__
from graph_service.process import tune

if sys.argv[1] == "tuned":
    tune()
all_have_begun = threading.Barrier(16)
def work():
    kept = [np.ones(1000) for _ in range(100)]
    all_have_begun.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def heaps(how):
    told = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True)
    return told.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have no such setting")
def test_threads_share_one_heap():
    assert heaps("as it is") > 2
    assert heaps("tuned") == 1


LARGE = """
import ctypes
import sys
import numpy as np
from graph_service.process import tune

if sys.argv[1] == "tuned":
    tune()
held = np.ones(1 << 20)
held = None  # glibc has seen a large array, and takes the next from its heap
libc = ctypes.CDLL(None)
for _ in range(2):
    libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
    held = np.ones(1 << 20)
libc.fflush(None)
"""


def mapped(how):
    """How many of one large array have pages of their own."""
    told = subprocess.run([sys.executable, "-c", LARGE, how], capture_output=True, text=True, check=True)
    before, after = map(int, re.findall(r'<total type="mmap" count="(\d+)"', told.stdout))
    return after - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have no such setting")
def test_large_arrays_go_back_to_the_system():
    assert mapped("as it is") == 0
    assert mapped("tuned") == 1
