"""Labels as stated beside labels as they are."""

from hypothesis import given
from hypothesis import strategies as st

from vicinal_client import Label, LabelKey, Trust, label_difference

labels = st.lists(
    st.builds(
        Label,
        st.sampled_from("abc"),
        st.sampled_from(["cat", "dog"]),
        st.sampled_from(["", "ann"]),
        st.sampled_from(Trust),
    ),
    max_size=8,
)


def by_key(some):
    return {LabelKey(label.sample_id, label.annotator): label for label in some}


@given(labels, labels)
def test_what_is_written_makes_the_two_agree_and_nothing_else_is(present, stated):
    before, wanted = by_key(present), by_key(stated)
    found = label_difference(before.values(), stated)
    after = dict(before)
    for key in found.remove:
        del after[key]  # one that is not there would be refused by the service
    after |= by_key(found.add)
    assert after == wanted
    assert len(by_key(found.add)) == len(found.add)
    assert not {*found.add} & {*before.values()}
    assert bool(found) == (before != wanted)
    assert not label_difference(after.values(), stated)
