"""What the log does when the server is not as it left it."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from graph_service.events import DatasetCreated, LabelsAdded, Propagation, SamplesAdded, Trust
from graph_service.log.base import Receipt, Write
from graph_service.log.connection import connect, script
from graph_service.log.redis_log import REMEMBERED, Keys
from vicinal.wire.errors import DataLoss, Unavailable

CREATED = DatasetCreated("cats", 2, "", ("cat", "dog"), 10, Propagation())


def labelling(number):
    return Write(f"request-{number}", LabelsAdded((f"s{number}",), ("ann",), (1,), (Trust.GIVEN,)))


@pytest.fixture
def client(store_url):
    """A connection past the store."""
    with closing(connect(store_url)) as client:
        yield client


@pytest.fixture
def log(store):
    """A log of five entries."""
    log = store.create(Write("create", CREATED))[1]
    log.append([labelling(number) for number in range(2, 6)])
    return log


@pytest.fixture
def keys(client, log):
    return Keys(client.hget("vicinal:datasets", "cats").decode())


def overwrite(client, keys, revision, fields):
    """Replace one entry: write the stream again with another in its place."""
    entries = client.xrange(keys.log)
    entries[revision - 1] = (f"{revision}-0", fields)
    client.delete(keys.log)
    for entry_id, content in entries:
        client.xadd(keys.log, content, id=entry_id)


def test_the_keys_are_as_documented(client, keys):
    names = {key.decode() for key in client.keys("*")}
    prefix = f"vicinal:{{{keys.uid}}}"
    requests = {f"{prefix}:request:{name}" for name in ["create", *(f"request-{n}" for n in range(2, 6))]}
    assert names == {"vicinal:datasets", f"{prefix}:log", f"{prefix}:epoch"} | requests
    assert all(REMEMBERED - 60 < client.ttl(name) <= REMEMBERED for name in requests)
    assert {client.ttl(name) for name in names - requests} == {-1}


@pytest.mark.parametrize("damage", ["flip", "cut", "foreign", "shape", "request id"])
def test_an_entry_that_cannot_be_read_is_named(client, keys, log, damage):
    ((_, fields),) = client.xrange(keys.log, "3-0", "3-0")
    event = fields[b"event"]
    damaged = {
        "flip": {**fields, b"event": event[:-1] + bytes([event[-1] ^ 1])},
        "cut": {**fields, b"event": event[:10]},
        "foreign": {**fields, b"event": b"hello"},
        "shape": {b"event": event},
        "request id": {**fields, b"request": b"\xff"},
    }[damage]
    overwrite(client, keys, 3, damaged)
    read = []
    with pytest.raises(DataLoss, match="'cats' is damaged at revision 3") as refusal:
        read.extend(entry.revision for entry in log.read(0))
    assert refusal.value.reason == "LOG_DAMAGED"
    assert [entry.revision for entry in log.read(3)] == [4, 5]


@pytest.mark.parametrize("missing", [1, 3])
def test_a_missing_entry_is_named(client, keys, log, missing):
    client.xdel(keys.log, f"{missing}-0")
    with pytest.raises(DataLoss, match=f"'cats' is damaged at revision {missing}: entry {missing + 1}-0"):
        list(log.read(0))


def test_an_entry_that_another_program_added_is_named(client, keys, log):
    client.xadd(keys.log, {"event": "hello"})
    with pytest.raises(DataLoss, match="damaged at revision 6"):
        list(log.read(0))


def test_nothing_is_appended_to_a_log_that_misses_an_entry(client, keys, log):
    client.xdel(keys.log, "3-0")
    with pytest.raises(DataLoss, match="fewer entries") as refusal:
        log.append([labelling(6), labelling(7)])
    assert refusal.value.reason == "LOG_DAMAGED"
    assert client.xlen(keys.log) == 4


def test_a_listed_dataset_without_its_log_is_damaged(client, keys, store):
    client.delete(keys.log)
    with pytest.raises(DataLoss, match="'cats' is damaged at revision 1") as refusal:
        store.open("cats")
    assert refusal.value.reason == "LOG_DAMAGED"


def test_scripts_that_the_server_forgot_are_sent_again(client, store, log):
    client.script_flush()
    assert log.append([labelling(6)]) == [Receipt(6, False)]
    client.script_flush()
    assert len(list(log.read(0))) == 6
    client.script_flush()
    assert store.open("cats").head() == 6
    client.script_flush()
    assert store.create(Write("create", replace(CREATED, name="dogs")))[0] == Receipt(1, False)
    client.script_flush()
    store.delete("dogs")


def test_a_server_out_of_memory_appends_nothing_and_is_unavailable(client, log):
    client.config_set("maxmemory", "1mb")
    with pytest.raises(Unavailable, match=r"(?i)maxmemory|out of memory") as refusal:
        log.append([labelling(6), labelling(7)])
    assert refusal.value.reason == "LOG_UNAVAILABLE"
    assert log.head() == 5
    client.config_set("maxmemory", "0")
    assert log.append([labelling(6)]) == [Receipt(6, False)]


def test_an_event_beyond_what_the_server_takes_is_unavailable_and_the_log_goes_on(client, log):
    client.config_set("proto-max-bulk-len", str(1 << 20))
    vectors = np.zeros((300, 2048), np.float16)
    with pytest.raises(Unavailable):
        log.append([Write("big", SamplesAdded(tuple(map(str, range(300))), vectors, (b"",) * 300))])
    assert log.append([labelling(6)]) == [Receipt(6, False)]


@pytest.mark.parametrize(
    ("most_bytes", "most_entries", "expected"),
    [(1, 100, 8), (1000, 100, 16), (1 << 20, 100, 104), (1 << 20, 1, 8), (1 << 20, 1000, 200)],
)
def test_a_page_of_the_log_keeps_to_its_bounds(client, most_bytes, most_entries, expected):
    for revision in range(1, 201):
        client.xadd("stream", {"event": "x" * 95}, id=f"{revision}-0")
    page = script(client, "read")(keys=["stream"], args=[0, most_bytes, most_entries])
    assert len(page) == expected


def test_an_append_whose_connection_breaks_is_not_sent_again(client, log):
    client.client_pause(10_000, all=False)
    with ThreadPoolExecutor(1) as pool:
        append = pool.submit(log.append, [labelling(6)])
        while not any(peer["cmd"] == "evalsha" and "b" in peer["flags"] for peer in client.client_list()):
            time.sleep(0.01)
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(Unavailable, match="closed"):
            append.result()
    client.client_unpause()
    assert log.head() == 5
