"""The cache's folder: restarts, damage, foreign files, several services, a slow or full disk."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embed_service.cache.disk import LEAST_BYTES, DiskCache

ENCODER = "ab" * 32
LIMIT = 8 * LEAST_BYTES


def content(number):
    return number.to_bytes(32, "big")


def vector(number):
    return np.random.default_rng(number).normal(size=384).astype(np.float32)


def fill(folder, count, first=0):
    with closing(DiskCache(folder, LIMIT)) as cache:
        for number in range(first, first + count):
            cache.put(ENCODER, content(number), vector(number))


def found(cache, numbers):
    """Which of `numbers` the cache has; a wrong vector is an error."""
    there = []
    for number in numbers:
        got = cache.get(ENCODER, content(number))
        if got is not None:
            assert got.tobytes() == vector(number).tobytes()
            there.append(number)
    return there


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def test_a_restart_keeps_everything(folder):
    fill(folder, 500)
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(500)) == list(range(500))


def test_a_use_outlasts_a_restart(folder):
    fill(folder, 100)
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, [0]) == [0]
    with closing(DiskCache(folder, LEAST_BYTES)) as cache:
        for number in range(1000, 1000 + LEAST_BYTES // 2048 - 50):
            cache.put(ENCODER, content(number), vector(number))
    with closing(DiskCache(folder, LIMIT)) as cache:
        kept = found(cache, range(100))
        assert kept[0] == 0
        assert 1 not in kept


def test_a_smaller_bound_holds_from_the_next_start(folder):
    fill(folder, 2000)
    assert (folder / "vectors.db").stat().st_size > 2 * LEAST_BYTES
    DiskCache(folder, LEAST_BYTES).close()
    assert (folder / "vectors.db").stat().st_size <= LEAST_BYTES
    with closing(DiskCache(folder, LIMIT)) as cache:
        kept = found(cache, range(2000))
    assert kept == list(range(kept[0], 2000))


@pytest.mark.parametrize(
    "what", ["text", "nothing but zeros", "another program's database", "a newer version"]
)
def test_a_file_that_is_not_ours_is_moved_aside(folder, caplog, what):
    folder.mkdir()
    path = folder / "vectors.db"
    if what == "text":
        path.write_text("dear diary\n" * 1000)
    elif what == "nothing but zeros":
        path.write_bytes(bytes(10_000))
    else:
        if what == "a newer version":
            fill(folder, 10)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS entries (key, used)")
            connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    fill(folder, 10)
    assert "moved to" in caplog.text
    assert (folder / "vectors.db.damaged").read_bytes() == before
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(10)) == list(range(10))


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_a_damaged_file_gives_no_wrong_vector(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    fill(folder, 60)
    path = folder / "vectors.db"
    content_ = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5), label="places")):
        start = data.draw(st.integers(0, len(content_) - 1), label="start")
        junk = data.draw(st.binary(min_size=1, max_size=64), label="junk")
        content_[start : start + len(junk)] = junk
    if data.draw(st.booleans(), label="cut"):
        del content_[data.draw(st.integers(0, len(content_)), label="length") :]
    path.write_bytes(content_)
    with closing(DiskCache(folder, LIMIT)) as cache:
        found(cache, range(60))
        for number in range(60, 90):
            cache.put(ENCODER, content(number), vector(number))
        found(cache, range(90))
    with closing(DiskCache(folder, LIMIT)) as cache:
        found(cache, range(90))


def test_damage_found_while_serving_begins_a_new_file(folder, caplog):
    fill(folder, 2000)
    path = folder / "vectors.db"
    with path.open("r+b") as file:  # all but the first page, which says what the file is
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(2000)) == []
        until(lambda: "moved to" in caplog.text)

        def works_again():
            cache.put(ENCODER, content(5), vector(5))
            return found(cache, [5]) == [5]

        until(works_again)
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, [5]) == [5]


def test_a_row_of_another_key_is_not_believed(folder):
    fill(folder, 2)
    with closing(sqlite3.connect(folder / "vectors.db")) as connection, connection:
        connection.execute(
            "UPDATE entries SET key = (SELECT key FROM entries WHERE id = 2) || x'00' WHERE id = 2"
        )
        connection.execute("UPDATE vectors SET id = 3 - id + 10")
        connection.execute("UPDATE vectors SET id = id - 10")
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(2)) == []
        cache.put(ENCODER, content(0), vector(0))
        assert found(cache, range(2)) == [0]


def test_two_caches_share_a_folder(folder):
    with closing(DiskCache(folder, LIMIT)) as one, closing(DiskCache(folder, LIMIT)) as other:
        one.put(ENCODER, content(0), vector(0))
        other.put(ENCODER, content(1), vector(1))
        until(lambda: found(one, range(2)) == [0, 1] and found(other, range(2)) == [0, 1])
        one.close()
        other.put(ENCODER, content(2), vector(2))
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(3)) == [0, 1, 2]


def write_and_read(folder, first, limit):
    with closing(DiskCache(folder, limit)) as cache:
        for number in range(first, first + 1500):
            cache.put(ENCODER, content(number), vector(number))
            found(cache, [number - 700])
            if number % 300 == 0:
                time.sleep(0.3)


def test_processes_that_share_a_folder_do_not_break_each_other(folder):
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=write_and_read, args=(folder, first, LEAST_BYTES)) for first in (1000, 2000)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert not (folder / "vectors.db.damaged").exists()
    assert (folder / "vectors.db").stat().st_size <= LEAST_BYTES
    with closing(DiskCache(folder, LIMIT)) as cache:
        kept = found(cache, range(1000, 3500))
        assert 3499 in kept or 2499 in kept


def test_a_damaged_file_that_another_service_uses_is_left_alone(folder, caplog):
    fill(folder, 2000)
    with closing(DiskCache(folder, LIMIT)):
        with (folder / "vectors.db").open("r+b") as file:
            file.write(b"not a database" * 100)
        with closing(DiskCache(folder, LIMIT)) as other:
            assert "in use by another service" in caplog.text
            other.put(ENCODER, content(0), vector(0))
            assert found(other, [0]) == []
        assert not (folder / "vectors.db.damaged").exists()


def test_a_killed_process_leaves_a_file_that_is_whole(folder):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_and_read, args=(folder, 1000, LIMIT))
    process.start()
    with closing(DiskCache(folder, LIMIT)) as cache:
        until(lambda: found(cache, [1000]))
        process.kill()
        process.join()
        kept = found(cache, range(1000, 2500))
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(1000, 2500)) == kept
    assert not (folder / "vectors.db.damaged").exists()


def test_while_the_file_is_locked_nobody_waits_and_nothing_is_lost(folder):
    fill(folder, 10)
    with closing(DiskCache(folder, LIMIT)) as cache, closing(sqlite3.connect(folder / "vectors.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(10, 40):
            cache.put(ENCODER, content(number), vector(number))
        time.sleep(0.5)
        assert found(cache, range(40)) == list(range(40))
        other.rollback()
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, range(40)) == list(range(40))


def test_a_write_that_fails_costs_its_vectors_only(folder, caplog, monkeypatch):
    with closing(DiskCache(folder, LIMIT)) as cache:
        cache.put(ENCODER, content(0), vector(0))
        cache._file._writer.execute("PRAGMA max_page_count = 1")  # as a full disk: SQLITE_FULL
        for number in range(1, 100):
            cache.put(ENCODER, content(number), vector(number))
        until(lambda: "were not noted" in caplog.text)
        cache._file._writer.execute("PRAGMA max_page_count = 100000")
        cache.put(ENCODER, content(200), vector(200))
    with closing(DiskCache(folder, LIMIT)) as cache:
        assert found(cache, [200]) == [200]


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        DiskCache(tmp_path / "file", LIMIT)
    (tmp_path / "cache" / "vectors.db").mkdir(parents=True)
    with pytest.raises(OSError, match="cannot be used"):
        DiskCache(tmp_path / "cache", LIMIT)
