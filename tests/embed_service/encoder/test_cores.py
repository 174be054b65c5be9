"""Batches in pieces on several cores: the vectors of one image at a time, whatever the sizes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from embed_service.encoder.cores import CoreRuns, cores
from embed_service.encoder.model import Encoder
from embed_service.starter import STARTER_ENCODER


class Input:
    name = "image"


class Session:
    """Doubles its input, and works so long for a piece of so many."""

    def __init__(self, seconds=None):
        self.pieces: list[int] = []
        self.together = self.most = 0
        self._seconds = seconds or {}
        self._lock = threading.Lock()

    def get_inputs(self):
        return [Input()]

    def run(self, wanted, inputs):
        part = inputs["image"]
        with self._lock:
            self.pieces.append(len(part))
            self.together += 1
            self.most = max(self.most, self.together)
        ends = time.thread_time() + self._seconds.get(len(part), 0.0)
        while time.thread_time() < ends:
            pass
        time.sleep(0.01)
        with self._lock:
            self.together -= 1
        return [2 * part.reshape(len(part), -1)]


def batch(count):
    return np.arange(count * 3, dtype=np.float32).reshape(count, 3, 1, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 17])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_rows_keep_their_order(count, width):
    runs = CoreRuns(Session(), width)
    for _ in range(2):
        np.testing.assert_array_equal(runs.run(batch(count)), 2 * batch(count).reshape(count, 3))


def test_no_more_pieces_at_a_time_than_cores_and_not_fewer():
    session = Session()
    CoreRuns(session, 2).run(batch(8))
    assert session.most == 2


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 0.004, 4: 0.020}, [1] * 8), ({1: 0.008, 4: 0.008}, [4, 4])],
)
def test_pieces_are_what_takes_least_time_an_image(seconds, expected):
    session = Session(seconds)
    runs = CoreRuns(session, 2)
    runs.run(batch(8))
    session.pieces.clear()
    runs.run(batch(8))
    assert session.pieces == expected


def test_a_small_batch_is_cut_so_that_each_core_has_some():
    session = Session({1: 0.008, 4: 0.008})
    runs = CoreRuns(session, 2)
    runs.run(batch(8))
    session.pieces.clear()
    runs.run(batch(5))
    assert session.pieces == [3, 2]


def test_what_a_piece_raises_is_raised():
    class Broken(Session):
        def run(self, wanted, inputs):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        CoreRuns(Broken(), 2).run(batch(3))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_encoder_gives_the_same_vectors_alone_and_together(threads):
    encoder = Encoder(STARTER_ENCODER, device="cpu", threads=threads)
    draw = np.random.default_rng(0)
    inputs = list(draw.standard_normal((9, *encoder.input_shape)).astype(np.float32))
    alone = np.concatenate([encoder.embed([ready]) for ready in inputs])
    np.testing.assert_allclose(encoder.embed(inputs), alone, atol=1e-6)


def test_there_is_a_core():
    assert cores() >= 1
