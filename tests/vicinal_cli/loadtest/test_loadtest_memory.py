"""Whose memory is read, and what a line through it says."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from vicinal_cli.loadtest.memory import Watch, growth, listener


def test_a_line_tells_the_growth_after_the_first_minute():
    random = np.random.default_rng(0)
    times = np.arange(600.0)
    held = 1e9 * (1 + 0.1 * times / 540) * random.normal(1, 0.02, 600)
    held[:60] = 1e6  # what is not settled does not count
    assert growth(list(zip(times, held, strict=True))) == pytest.approx(0.1 / 1.055, abs=0.01)


def test_too_few_readings_tell_nothing():
    assert growth([(float(at), 100) for at in range(80)]) is None
    assert growth([]) is None


def test_the_process_that_listens_is_found_and_read():
    if not Path("/proc/net/tcp").exists():
        pytest.skip("sockets are looked for in /proc")
    with socket.create_server(("127.0.0.1", 0)) as server:
        pid = listener(f"127.0.0.1:{server.getsockname()[1]}")
        assert pid == os.getpid()
        with Watch(pid) as watch:
            while not watch.readings:
                pass
        assert watch.readings[0][1] > 2**20


@pytest.mark.parametrize("address", ["example.org:50052", "127.0.0.1:1", "nonsense", "127.0.0.1:x"])
def test_elsewhere_nothing_is_found(address):
    assert listener(address) is None
    with Watch(None) as watch:
        pass
    assert watch.readings == []
