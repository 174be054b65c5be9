"""Comparing FiftyOne's labels with the log's: whatever each says, what is written makes them agree."""

from hypothesis import given
from hypothesis import strategies as st

from vicinal_client import Label, Trust
from vicinal_fiftyone.labels import Statement, difference
from vicinal_fiftyone.link import vicinal_name

SAMPLES = st.sampled_from("abcdef")
CLASSES = st.sampled_from(["cat", "dog", "eel"])
SAID = st.dictionaries(SAMPLES, st.none() | st.builds(Statement, CLASSES, st.booleans()))
KEYS = st.tuples(SAMPLES, st.sampled_from(["fiftyone", "eve", ""]))
LOGS = st.dictionaries(KEYS, st.tuples(CLASSES, st.sampled_from(Trust)))


def written(log, said, trust):
    """The log after what `difference` says is written, and how many labels that were."""
    listed = [Label(sample, name, who, how) for (sample, who), (name, how) in log.items()]
    found = difference(said, listed, "fiftyone", trust)
    after = dict(log)
    for key in found.remove:
        del after[key.sample_id, key.annotator]  # a label that is not there is refused by the service
    for one in found.add:
        after[one.sample_id, one.annotator] = (one.class_name, one.trust)
    return after, len(found.add) + len(found.remove)


@given(LOGS, SAID, st.sampled_from(Trust))
def test_the_log_then_says_what_fiftyone_says(log, said, trust):
    after, _ = written(log, said, trust)
    for sample, statement in said.items():
        key = (sample, "fiftyone")
        if statement is None:
            assert key not in after
            continue
        name, how = after[key]
        assert name == statement.class_name
        if statement.is_verified:
            assert how is Trust.VERIFIED
        elif key not in log or log[key][0] != name:
            assert how is trust
        else:
            assert how is log[key][1]
    untouched = {key: one for key, one in log.items() if key[1] != "fiftyone" or key[0] not in said}
    assert untouched == {key: one for key, one in after.items() if key in untouched}


@given(LOGS, SAID, st.sampled_from(Trust))
def test_a_second_comparison_finds_nothing(log, said, trust):
    after, _ = written(log, said, trust)
    assert written(after, said, trust) == (after, 0)


@given(st.text())
def test_every_name_becomes_one_that_the_service_allows_or_none(name):
    found = vicinal_name(name)
    assert len(found) <= 128
    assert found == vicinal_name(found)
    assert all(one.isascii() and (one.isalnum() or one in ".-_") for one in found)
    assert not found or found[0].isalnum()
