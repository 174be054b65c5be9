import random
import zlib
from dataclasses import fields

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    EncoderChanged,
    LabelsAdded,
    LabelsRemoved,
    LeaseReleased,
    LeaseRenewed,
    Method,
    Propagation,
    SamplesAdded,
    SamplesLeased,
    SamplesRemoved,
    Trust,
    VectorsDiscarded,
    VectorsStaged,
)
from graph_service.log.codec import VERSION, decode, encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
TEMPERATURES = st.floats(allow_nan=False)


def columns(*elements, max_size=20):
    """Columns of one length, as a tuple of tuples."""
    rows = st.lists(st.tuples(*elements), max_size=max_size)
    return rows.map(lambda rows: tuple(zip(*rows, strict=True)) or ((),) * len(elements))


@st.composite
def samples_added(draw):
    ids, hashes = draw(columns(TEXTS, st.just(b"") | st.binary(min_size=32, max_size=32)))
    shape = (len(ids), draw(st.integers(1, 9)))
    vectors = draw(hnp.arrays(np.float16, shape, elements=hnp.from_dtype(np.dtype(np.float16))))
    return SamplesAdded(ids, vectors, hashes)


def staged(digest, added):
    return VectorsStaged(digest, added.ids, added.vectors, added.content_hashes)


def events():
    trusts, methods = st.sampled_from(Trust), st.sampled_from(Method)
    names = st.lists(TEXTS).map(tuple)
    spreads = st.builds(Propagation, methods, TEMPERATURES, NUMBERS)
    return st.one_of(
        st.builds(DatasetCreated, TEXTS, NUMBERS, TEXTS, names, NUMBERS, spreads),
        st.builds(DatasetUpdated, st.none() | methods, st.none() | TEMPERATURES, st.none() | NUMBERS, names),
        samples_added(),
        names.map(SamplesRemoved),
        st.builds(staged, TEXTS, samples_added()),
        TEXTS.map(VectorsDiscarded),
        TEXTS.map(EncoderChanged),
        columns(TEXTS, TEXTS, st.integers(0, 10_000), trusts).map(lambda c: LabelsAdded(*c)),
        columns(TEXTS, TEXTS).map(lambda c: LabelsRemoved(*c)),
        st.builds(SamplesLeased, TEXTS, TEXTS, names, NUMBERS, NUMBERS),
        st.builds(LeaseRenewed, TEXTS, NUMBERS, NUMBERS),
        st.builds(LeaseReleased, TEXTS, names, NUMBERS),
    )


def plain(event):
    """The event's type and fields, arrays as something that `==` compares bit by bit."""
    values = [getattr(event, field.name) for field in fields(event)]
    return type(event), [(v.dtype, v.shape, v.tobytes()) if isinstance(v, np.ndarray) else v for v in values]


@given(events())
def test_an_event_comes_back_as_it_was(event):
    assert plain(decode(encode(event))) == plain(event)


@given(events())
def test_equal_events_give_equal_bytes(event):
    assert encode(decode(encode(event))) == encode(event)


@given(events(), st.randoms(use_true_random=False))
def test_a_flipped_bit_or_a_cut_is_noticed(event, rng):
    good = encode(event)
    bad = bytearray(good)
    bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
    with pytest.raises(ValueError, match="checksum"):
        decode(bytes(bad))
    with pytest.raises(ValueError, match="checksum"):
        decode(good[: rng.randrange(len(good))])


@given(st.binary(max_size=200))
def test_bytes_of_another_make_are_refused(data):
    with pytest.raises(ValueError, match=r"checksum|encoded event"):
        decode(data)


def sealed(*columns):
    body = msgpack.packb(columns)
    return zlib.crc32(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sealed(VERSION + 1, 1, "whatever"), f"version {VERSION + 1}"),
        (sealed(VERSION, 99), "unknown kind 99"),
        (sealed(VERSION, 4), "not an encoded event"),
        (sealed(), "not an encoded event"),
    ],
)
def test_what_it_cannot_read_is_named(data, reason):
    with pytest.raises(ValueError, match=reason):
        decode(data)


def test_vectors_of_another_precision_are_refused():
    with pytest.raises(TypeError, match="float32"):
        encode(SamplesAdded(("a",), np.zeros((1, 2), np.float32), (b"",)))


def test_decoded_vectors_are_read_only():
    vectors = decode(encode(SamplesAdded(("a",), np.ones((1, 2), np.float16), (b"",)))).vectors
    assert not vectors.flags.writeable
    assert vectors.tolist() == [[1, 1]]


def labels(count):
    rng = random.Random(0)
    ids = tuple(f"{rng.randrange(10**8):08d}" for _ in range(count))
    return LabelsAdded(ids, ("Annotate",) * count, (7,) * count, (Trust.VERIFIED,) * count)


def test_a_label_costs_12_bytes_in_a_batch_and_33_alone():
    assert len(encode(labels(10_000))) / 10_000 <= 12.1
    assert len(encode(labels(1))) <= 33


def test_vectors_cost_two_bytes_an_element():
    event = SamplesAdded(
        tuple(f"{i:08d}" for i in range(1000)), np.zeros((1000, 384), np.float16), (b"",) * 1000
    )
    assert len(encode(event)) <= 1000 * (384 * 2 + 12)


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        (SamplesLeased("r", "ann", ("a", "b"), 5, 600), "b4a52db697010aa172a3616e6e92a161a16205cd0258"),
        (LeaseRenewed("r", 6, 700), "b5f109b595010ba17206cd02bc"),
        (LeaseReleased("r", ("a",), 7), "0276970395010ca17291a16107"),
    ],
)
def test_leases_are_read_as_they_were_written_long_ago(event, stored):
    """Their columns are the fields in order: one that moved would change what is on disk."""
    assert encode(event).hex() == stored
    assert decode(bytes.fromhex(stored)) == event
