import pytest

from vicinal_experiments.results.table import Table
from vicinal_experiments.tasks import Point, Task, run, single


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path / "results.csv")


def counted(calls, name, *, service=True, fails=False):
    def measure():
        calls.append(name)
        if fails:
            raise RuntimeError(name)
        return {"accuracy": 0.5}

    return single("experiment", "setting", name, 0, 10, measure, service=service)


def test_what_is_done_is_not_done_again(table):
    calls = []
    tasks = [counted(calls, "a"), counted(calls, "b", service=False), counted(calls, "c")]
    run(tasks[:2], table, lambda *_: None)
    run(tasks, Table(table.path), lambda *_: None)
    assert sorted(calls) == ["a", "b", "c"]


def test_progress_counts_what_was_done_before(table):
    told = []
    for _ in range(2):
        run([counted([], "a"), counted([], "b", service=False)], table, lambda *at: told.append(at))
    assert told == [(1, 2), (2, 2)] * 2


def test_an_error_keeps_what_came_before_it(table):
    calls = []
    with pytest.raises(RuntimeError, match="b"):
        run(
            [counted(calls, "a"), counted(calls, "b", fails=True), counted(calls, "c")],
            table,
            lambda *_: None,
        )
    assert calls == ["a", "b"]
    assert [row.key.method for row in Table(table.path)] == ["a"]


def test_points_are_kept_as_they_come_and_unknown_levels_only_together(table):
    def points():
        yield Point(1, {"accuracy": 0.1})
        yield Point(2, {"accuracy": 0.2})
        raise RuntimeError

    for levels in ((1, 2, 3), ()):
        with pytest.raises(RuntimeError):
            run([Task("experiment", f"{levels}", "a", 0, levels, points)], table, lambda *_: None)
    assert [(row.key.setting, row.key.level) for row in table] == [("(1, 2, 3)", 1), ("(1, 2, 3)", 2)]
