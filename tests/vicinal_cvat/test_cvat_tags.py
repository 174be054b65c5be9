"""What tags state, and which are written: small examples, and rules over any tags."""

from hypothesis import given
from hypothesis import strategies as st

from vicinal_client import Label, Trust
from vicinal_cvat.tags import AUTO, Changes, Tag, agreed, changes, stated

sources = st.sampled_from(["manual", "semi-auto", "consensus", "file", "auto"])
classes = st.sampled_from(["cat", "dog", "eel"])
frames = st.integers(0, 5)


@st.composite
def tag_lists(draw):
    drawn = draw(st.lists(st.tuples(frames, classes, sources), max_size=12))
    return [Tag(frame, name, source, number) for number, (frame, name, source) in enumerate(drawn)]


def test_who_made_a_tag_says_how_far_to_believe_it():
    tags = [
        Tag(i, "cat", source) for i, source in enumerate(["manual", "semi-auto", "consensus", "file", "auto"])
    ]
    verified, given_ = ("cat", Trust.VERIFIED), ("cat", Trust.GIVEN)
    assert stated(tags).labels == {0: verified, 1: verified, 2: verified, 3: given_}


def test_people_outdo_what_was_imported():
    said = stated([Tag(0, "cat", "file"), Tag(0, "dog", "manual"), Tag(0, "eel", AUTO)])
    assert said.labels == {0: ("dog", Trust.VERIFIED)}
    assert said.unclear == ()


def test_two_classes_of_the_same_kind_state_nothing():
    said = stated([Tag(0, "cat", "manual"), Tag(0, "dog", "semi-auto"), Tag(1, "cat", "manual")])
    assert (said.labels, said.unclear) == ({1: ("cat", Trust.VERIFIED)}, (0,))


def test_automatic_tags_of_completed_jobs_were_looked_at():
    tags = [
        Tag(0, "cat"),
        Tag(1, "cat"),
        Tag(2, "cat"),
        Tag(2, "dog", "manual"),
        Tag(3, "eel"),
        Tag(3, "eel", "file"),
    ]
    said = stated(tags, completed={0, 2, 3})
    assert {frame: name for frame, (name, _) in said.labels.items()} == {0: "cat", 2: "dog", 3: "eel"}
    assert {trust for _, trust in said.labels.values()} == {Trust.VERIFIED}


@given(tag_lists())
def test_automatic_tags_alone_never_become_labels(tags):
    automatic = [Tag(tag.frame, tag.class_name, AUTO, tag.id) for tag in tags]
    assert stated(automatic) == stated([])


@given(tag_lists(), st.dictionaries(frames, classes), st.sets(frames))
def test_after_the_changes_all_is_as_wanted(tags, wanted, kept):
    change = changes(tags, wanted, kept)
    after = [tag for tag in tags if tag not in change.remove] + list(change.add)
    for frame in range(6):
        before_here, here = ([tag for tag in group if tag.frame == frame] for group in (tags, after))
        people = [tag for tag in before_here if tag.source != AUTO]
        if frame in kept:
            assert here == before_here
        elif people:
            assert here == people
        elif frame in wanted:
            assert [tag.class_name for tag in here] == [wanted[frame]]
        else:
            assert here == before_here


@given(tag_lists(), st.dictionaries(frames, classes))
def test_changing_twice_changes_nothing_more(tags, wanted):
    change = changes(tags, wanted)
    after = [tag for tag in tags if tag not in change.remove]
    after += [Tag(tag.frame, tag.class_name, tag.source, 100 + n) for n, tag in enumerate(change.add)]
    assert changes(after, wanted) == Changes((), ())


@given(tag_lists(), st.dictionaries(frames, classes))
def test_what_is_written_is_not_read_back_as_a_label(tags, wanted):
    """No echo: what vicinal writes into CVAT changes nothing that CVAT states."""
    change = changes(tags, wanted)
    after = [tag for tag in tags if tag not in change.remove] + list(change.add)
    assert stated(after) == stated(tags)


@given(tag_lists(), st.dictionaries(frames, classes))
def test_only_automatic_tags_are_written_and_deleted(tags, wanted):
    change = changes(tags, wanted)
    assert {tag.source for tag in (*change.add, *change.remove)} <= {AUTO}


def test_annotators_who_differ_agree_on_nothing():
    labels = [
        Label("7-0", "cat", "ann"),
        Label("7-0", "cat", "bob"),
        Label("7-1", "cat", "ann"),
        Label("7-1", "dog", "bob"),
        Label("7-2", "cat", "ann"),
        Label("7-2", "dog", "bob", Trust.GIVEN),
        Label("7-3", "cat", "bob", Trust.GIVEN),
    ]
    assert agreed(labels) == {"7-0": "cat", "7-2": "cat"}
