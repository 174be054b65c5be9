"""Fields outside their range are refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from graph_service.engine.answers.pages import Page
from graph_service.engine.requests import checks
from graph_service.engine.requests.vectors import to_keep, unit
from vicinal.wire.errors import FailedPrecondition, InvalidArgument


@pytest.mark.parametrize(
    ("call", "reason", "field"),
    [
        (lambda: checks.in_range(0, "count", 1, 9), "OUT_OF_RANGE", "count"),
        (lambda: checks.in_range(2**31, "count", 1, 9), "OUT_OF_RANGE", "count"),
        (lambda: checks.in_range(float("nan"), "t", 0, 1), "OUT_OF_RANGE", "t"),
        (lambda: checks.item_count(0, "labels", 9), "FIELD_REQUIRED", "labels"),
        (lambda: checks.item_count(10, "labels", 9), "TOO_MANY_ITEMS", "labels"),
        (lambda: checks.text("", "id", 9), "FIELD_REQUIRED", "id"),
        (lambda: checks.text("é" * 5, "id", 9), "OUT_OF_RANGE", "id"),
        (lambda: checks.text("a\0b", "id", 9), "MALFORMED", "id"),
        (lambda: checks.dataset_name("../x", "name"), "MALFORMED", "name"),
        (lambda: checks.dataset_name("x" * 129, "name"), "OUT_OF_RANGE", "name"),
        (lambda: checks.request_id("a\nb"), "MALFORMED", "request_id"),
        (lambda: checks.digest("ABC", "d"), "MALFORMED", "d"),
        (lambda: checks.distinct(["a", "b", "a"], "ids"), "DUPLICATE_ID", "ids[2]"),
        (lambda: checks.content_hashes([b"x" * 32], 2), "OUT_OF_RANGE", "content_sha256"),
        (lambda: checks.content_hashes([b"", b"x"], 2), "MALFORMED", "content_sha256[1]"),
        (lambda: to_keep(np.ones((2, 3), np.int32), "v", 2, 3), "BAD_TENSOR", "v.element_type"),
        (lambda: to_keep(np.ones((2, 3), np.float32), "v", 2, 4), "BAD_TENSOR", "v.shape"),
        (lambda: to_keep(np.array([[1, 0], [np.nan, 0]]), "v", 2, 2), "BAD_VECTOR", "v[1]"),
        (lambda: to_keep(np.array([[np.inf, 0]]), "v", 1, 2), "BAD_VECTOR", "v[0]"),
        (lambda: to_keep(np.array([[0.0, 0]]), "v", 1, 2), "BAD_VECTOR", "v[0]"),
        (lambda: Page.parse("not a token", "q"), "BAD_PAGE_TOKEN", "page_token"),
        (lambda: Page.parse(Page("other", 1, 2).token(), "q"), "BAD_PAGE_TOKEN", "page_token"),
    ],
)
def test_refusals(call, reason, field):
    with pytest.raises(InvalidArgument) as refusal:
        call()
    assert (refusal.value.reason, refusal.value.field) == (reason, field)


def test_vectors_of_another_encoder():
    with pytest.raises(FailedPrecondition) as refusal:
        checks.encoder("a" * 64, "b" * 64)
    assert refusal.value.reason == "ENCODER_MISMATCH"
    checks.encoder("", "")


@given(arrays.arrays(np.float32, (3, 5), elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_vectors_keep_their_direction(rows):
    if not np.linalg.norm(rows.astype(float), axis=1).all():
        return
    kept = unit(to_keep(rows, "v", 3, 5))
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, atol=1e-6)
    wide = rows.astype(float)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    np.testing.assert_allclose((kept * wide).sum(1), 1, atol=1e-5)


@given(st.text(max_size=20), st.integers(0, 2**63), st.integers(0, 2**40))
def test_page_tokens_round_trip(query, revision, start):
    page = Page(query, revision, start)
    assert Page.parse(page.token(), query) == page
