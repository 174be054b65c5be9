"""Parts of the command line that need no service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cli.embedding import in_order
from vicinal_cli.errors import CliError, explain
from vicinal_cli.needs import require
from vicinal_client import ConnectionFailed, Embedded, NotFound


def outcome(key):
    return Embedded(key, None, None, b"", "", None)


@given(keys=st.integers(0, 20).flatmap(lambda count: st.permutations(range(count))))
def test_outcomes_come_in_order_and_as_soon_as_they_can(keys):
    completed, seen = [], []

    def complete():
        for key in keys:
            late = set(range(len(keys))) - set(completed)
            assert seen == list(range(min(late))), "what could come has come"
            completed.append(key)
            yield outcome(key)

    for found in in_order(complete()):
        seen.append(found.key)  # noqa: PERF401 (`complete` looks at it)
    assert seen == sorted(keys)


def test_what_is_missing_is_named():
    require("vicinal up", "graph", "json", "csv")
    with pytest.raises(CliError, match="vicinal up needs no_such_module, not_there_either") as caught:
        require("vicinal up", "graph,embed", "not_there_either", "json", "no_such_module")
    assert caught.value.hint == "pip install 'vicinal[graph,embed]'"


def test_errors_say_what_to_do():
    refusal = NotFound("UNKNOWN_DATASET", "there is no dataset 'x'", field="dataset", value="x")
    refusal.add_note("The first 3 of 5 items were finished before this error.")
    message, hint = explain(refusal)
    assert message == "there is no dataset 'x' (UNKNOWN_DATASET)"
    assert hint.startswith("The first 3 of 5 items were finished before this error. `vicinal status`")
    assert "went away" in explain(ConnectionFailed("UNAVAILABLE", "gone"))[0]
    assert explain(FileNotFoundError(2, "No such file or directory", "a.csv"))[0].startswith("a.csv: ")
