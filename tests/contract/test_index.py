"""What every index must do, run over each of them.

HNSW answers small sets by an exact scan; `hnsw` here gets narrow searches, so that the graph answers too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from graph_service.index import AutoIndex, ExactIndex, HnswIndex, Index, VectorTable
from graph_service.index.holders import Holders
from graph_service.index.vectors import Float32Array, Int32Array

DIMENSION = 16
K = 10

MAKERS: dict[str, Callable[[VectorTable], Index]] = {
    "exact": ExactIndex,
    "exact, one block a few slots": lambda table: ExactIndex(table, block=256),
    "hnsw": lambda table: HnswIndex(table, ef_search=64),
    "hnsw, as served": HnswIndex,
    "auto, below the switch": AutoIndex,
    "auto, switching": lambda table: AutoIndex(table, switch_at=300),
    "auto, past the switch": lambda table: AutoIndex(table, switch_at=1),
}


class Bench:
    """An index beside the slow, obvious one."""

    def __init__(self, make: Callable[[VectorTable], Index]) -> None:
        self.table = VectorTable(DIMENSION)
        self.index = make(self.table)
        self.held: dict[int, Float32Array] = {}

    def add(self, slots: Int32Array, vectors: Float32Array) -> None:
        self.table.put(slots, vectors)
        self.index.add(slots)
        self.held.update(zip(slots.tolist(), self.table[slots], strict=True))

    def remove(self, slots: Int32Array) -> None:
        self.index.remove(slots)
        for slot in slots.tolist():
            del self.held[slot]

    def similarities(self, queries: Float32Array) -> tuple[Int32Array, Float32Array]:
        """All slots held (n,), and each query's similarity to them (m, n)."""
        slots = np.array(sorted(self.held), dtype=np.int32)
        return slots, queries @ np.array([self.held[slot] for slot in slots]).reshape(-1, DIMENSION).T

    def holders(self, slots: int) -> Callable[[], Holders]:
        """Who lists each slot, where each lists the K nearest others."""
        held = np.array(sorted(self.held), dtype=np.int32)
        _, products = self.similarities(np.array([self.held[slot] for slot in held]))
        np.fill_diagonal(products, -np.inf)
        lists = np.full((slots, K), -1, dtype=np.int32)
        width = min(K, len(held) - 1)
        lists[held, :width] = held[np.argsort(-products, axis=1)[:, :width]]
        return lambda: Holders(lists)

    def check_search(self, queries: Float32Array, k: int = K, recall: float = 0.97) -> None:
        """Right shape, order, padding and similarities; every slot held and named once; the nearest found."""
        slots, similarities = self.index.search(queries, k)
        assert slots.shape == similarities.shape == (len(queries), k)
        assert slots.dtype == np.int32
        assert similarities.dtype == np.float32
        held, products = self.similarities(queries)
        found = min(k, len(held))
        assert (slots[:, found:] == -1).all()
        assert np.isneginf(similarities[:, found:]).all()
        if not found or not len(queries):
            return
        slots, similarities = slots[:, :found], similarities[:, :found]
        assert np.isin(slots, held).all()
        assert all(len(set(row)) == found for row in slots.tolist())
        expected = np.take_along_axis(products, np.searchsorted(held, slots), axis=1)
        np.testing.assert_allclose(similarities, expected, atol=1e-6)
        assert (np.diff(similarities, axis=1) <= 0).all()
        assert (np.abs(similarities) <= 1).all()
        border = np.sort(products, axis=1)[:, -found, None]
        share = np.mean(similarities >= border - 1e-6)
        assert share == 1 if self.index.name == "exact" else share >= recall


@pytest.fixture(params=MAKERS, name="bench")
def _bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(MAKERS[request.param])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def unit(rng: np.random.Generator, rows: int) -> Float32Array:
    vectors = rng.standard_normal((rows, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def span(start: int, stop: int) -> Int32Array:
    return np.arange(start, stop, dtype=np.int32)


def test_an_empty_index_finds_nothing(bench: Bench, rng: np.random.Generator) -> None:
    bench.check_search(unit(rng, 3))
    assert len(bench.index) == 0
    bench.add(span(0, 0), unit(rng, 0))
    bench.check_search(unit(rng, 3))


def test_no_queries_no_answers(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 600), unit(rng, 600))
    bench.check_search(unit(rng, 0))


def test_the_nearest_are_found(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 1000), unit(rng, 1000))
    bench.check_search(unit(rng, 200))
    bench.check_search(unit(rng, 1), k=1)


def test_more_asked_for_than_held(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 7), unit(rng, 7))
    bench.check_search(unit(rng, 5), k=8)


def test_answers_while_the_table_grows(bench: Bench, rng: np.random.Generator) -> None:
    for start in range(0, 1200, 150):
        bench.add(span(start, start + 150), unit(rng, 150))
        assert len(bench.index) == start + 150
        bench.check_search(unit(rng, 40))


def test_slots_with_gaps(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(5, 800)[::3], unit(rng, 265))
    bench.check_search(unit(rng, 40))


@pytest.mark.parametrize("share", [0.05, 0.45, 0.9])
def test_removed_slots_are_never_found(bench: Bench, rng: np.random.Generator, share: float) -> None:
    bench.add(span(0, 1000), unit(rng, 1000))
    bench.remove(rng.choice(1000, int(1000 * share), replace=False).astype(np.int32))
    assert len(bench.index) == len(bench.held)
    bench.check_search(unit(rng, 200))


def test_all_removed_then_others_added(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 500), unit(rng, 500))
    bench.remove(span(0, 500))
    bench.check_search(unit(rng, 3))
    bench.add(span(0, 500), unit(rng, 500))
    bench.check_search(unit(rng, 40))


def test_a_slot_used_again_has_its_new_vector(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 1000), unit(rng, 1000))
    for _ in range(6):
        slots = rng.choice(1000, 300, replace=False).astype(np.int32)
        bench.remove(slots)
        bench.add(slots, unit(rng, 300))
        bench.check_search(unit(rng, 40))


def test_shrinking_and_growing_again(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 200), unit(rng, 200))
    bench.add(span(200, 400), unit(rng, 200))
    bench.remove(span(0, 150))
    bench.add(span(400, 900), unit(rng, 500))
    bench.check_search(unit(rng, 40))
    bench.remove(span(150, 850))
    bench.check_search(unit(rng, 40))
    bench.add(span(0, 850), unit(rng, 850))
    bench.check_search(unit(rng, 40))


def test_identical_vectors(bench: Bench, rng: np.random.Generator) -> None:
    vectors = unit(rng, 900)
    vectors[:400] = vectors[0]
    bench.add(span(0, 900), vectors)
    # How many of the rest a graph full of copies still reaches is not promised; the answers' form is.
    bench.check_search(vectors[[0, 1, 700]], k=30, recall=0)
    bench.remove(span(0, 200))
    bench.check_search(vectors[[0, 1, 700]], k=30, recall=0)
    radii = np.full(900, 0.5, dtype=np.float32)
    survey = bench.index.survey(vectors[:300], K, radii, bench.holders(900))
    assert np.isin(survey.touched, list(bench.held)).all()


def test_searches_side_by_side(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 1000), unit(rng, 1000))
    queries = unit(rng, 50)
    expected = bench.index.search(queries, K)[0]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda k: bench.index.search(queries, k)[0], [K, 3 * K] * 20)
        assert all((slots[:, :K] == expected).all() for slots in found)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_survey_finds_neighbours_and_touches(bench: Bench, rng: np.random.Generator, share: float) -> None:
    bench.add(span(0, 1000), unit(rng, 1000))
    bench.remove(rng.choice(1000, int(1000 * share), replace=False).astype(np.int32))
    queries = unit(rng, 1100)
    held, products = bench.similarities(queries)
    radii = np.full(1000, np.inf, dtype=np.float32)
    # As radii are: each slot's similarity to its tenth nearest. Every seventh wants no touches.
    radii[held] = bench.index.search(bench.table[held], K + 1)[1][:, -1]
    radii[::7] = np.inf

    survey = bench.index.survey(queries, K, radii, bench.holders(1000))

    best = np.sort(products, axis=1)[:, : -K - 1 : -1]
    assert np.mean(np.abs(survey.similarities - best) <= 1e-6) >= 0.97
    assert (np.diff(survey.similarities, axis=1) <= 0).all()
    columns = np.searchsorted(held, survey.slots)
    expected_similarities = np.take_along_axis(products, columns, axis=1)
    np.testing.assert_allclose(survey.similarities, expected_similarities, atol=1e-6)
    assert all(len(set(row)) == K for row in survey.slots.tolist())
    assert survey.touched.dtype == np.int32
    pairs = set(zip(survey.rows.tolist(), survey.touched.tolist(), strict=True))
    assert len(pairs) == len(survey.rows)
    expected = {(int(row), int(held[column])) for row, column in np.argwhere(products > radii[held])}
    assert pairs <= expected
    assert len(pairs) == len(expected) if bench.index.name == "exact" else len(pairs) > 0.97 * len(expected)
    columns = np.searchsorted(held, survey.touched)
    np.testing.assert_allclose(survey.touch_similarities, products[survey.rows, columns], atol=1e-6)


@pytest.mark.parametrize("bench", ["exact", "exact, one block a few slots"], indirect=True)
def test_a_flood_of_touches_is_told_whole(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 300), unit(rng, 300))
    queries = unit(rng, 500)
    survey = bench.index.survey(queries, K, np.full(300, -np.inf, dtype=np.float32), bench.holders(300))
    touched = set(zip(survey.rows.tolist(), survey.touched.tolist(), strict=True))
    assert len(touched) == len(survey.rows) == 500 * 300


def test_a_survey_of_fewer_than_asked_for(bench: Bench, rng: np.random.Generator) -> None:
    bench.add(span(0, 4), unit(rng, 4))
    survey = bench.index.survey(unit(rng, 3), K, np.full(4, -np.inf, dtype=np.float32), bench.holders(4))
    assert survey.slots.shape == (3, K)
    assert (survey.slots[:, 4:] == -1).all()
    assert np.isneginf(survey.similarities[:, 4:]).all()
    assert len(survey.rows) == 12
