"""Group commit: everyone gets their own outcome, in an order that one writer could have made."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile

import pytest

from graph_service.engine.writer import Writer
from graph_service.events import LabelsAdded, SamplesRemoved, Trust
from graph_service.log.base import Write


def labels(name: str) -> Write:
    return Write(name, LabelsAdded((name,), ("",), (0,), (Trust.VERIFIED,)))


def removal(name: str) -> Write:
    return Write(name, SamplesRemoved((name,)))


def alike(writes):
    """Writes of labels may share a commit."""
    return max(1, sum(1 for _ in takewhile(lambda write: isinstance(write.event, LabelsAdded), writes)))


class Commits:
    """Counts up, and remembers what came together."""

    def __init__(self):
        self.batches: list[list[str]] = []
        self.revision = 0
        self.gate = threading.Event()
        self.gate.set()
        self.inside = 0

    def __call__(self, writes):
        self.inside += 1
        assert self.inside == 1
        self.gate.wait()
        self.batches.append([write.request_id for write in writes])
        outcomes = []
        for write in writes:
            self.revision += 1
            refused = write.request_id.startswith("bad")
            outcomes.append(ValueError(write.request_id) if refused else self.revision)
        self.inside -= 1
        return outcomes


def gathered(commits, writes):
    """Submit `writes` while the first is held up, so that the others gather."""
    writer = Writer(commits, alike)
    with ThreadPoolExecutor(len(writes) + 1) as threads:
        commits.gate.clear()
        first = threads.submit(writer.submit, labels("first"))
        while not commits.inside:
            pass
        others = []
        for write in writes:
            others.append(threads.submit(writer.submit, write))
            while len(writer._waiting) < len(others):
                pass
        commits.gate.set()
        return [first, *others]


def test_writes_that_gather_share_a_commit_where_they_may():
    commits = Commits()
    futures = gathered(commits, [labels("a"), labels("b"), labels("c")])
    assert [future.result() for future in futures] == [1, 2, 3, 4]
    assert commits.batches == [["first"], ["a", "b", "c"]]


def test_any_other_write_stands_alone():
    commits = Commits()
    futures = gathered(commits, [labels("a"), removal("b"), removal("c"), labels("d")])
    assert [future.result() for future in futures] == [1, 2, 3, 4, 5]
    assert commits.batches == [["first"], ["a"], ["b"], ["c"], ["d"]]


def test_one_refusal_is_its_own():
    futures = gathered(Commits(), [labels("a"), labels("bad"), labels("c")])
    assert futures[1].result() == 2
    with pytest.raises(ValueError, match="bad"):
        futures[2].result()
    assert futures[3].result() == 4


def test_a_failed_commit_leaves_nobody_waiting():
    def fail(writes):
        raise OSError("away")

    writer = Writer(fail, alike)
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(writer.submit, labels(str(i))) for i in range(40)]
        for future in futures:
            with pytest.raises(OSError, match="away"):
                future.result(timeout=10)


def test_many_threads():
    commits = Commits()
    writer = Writer(commits, alike, most=4)
    with ThreadPoolExecutor(16) as threads:
        revisions = list(threads.map(writer.submit, [labels(str(i)) for i in range(500)]))
    assert sorted(revisions) == list(range(1, 501))
    assert max(map(len, commits.batches)) <= 4
