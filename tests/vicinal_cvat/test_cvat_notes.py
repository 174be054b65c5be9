"""Issues as vicinal writes, reads and compares them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cvat.notes import Kind, Note, check_text, compare, next_text, read

names = st.text(min_size=1, max_size=8)
texts = st.one_of(
    st.builds(next_text, st.integers(1, 3), st.just(3), st.sampled_from(["a", "b"])),
    st.builds(
        check_text,
        st.sampled_from(["cat", "dog"]),
        st.sampled_from(["cat", "eel"]),
        st.sampled_from([0.5, 0.75]),
        st.lists(st.sampled_from(["frame 1", "9-2"]), max_size=2),
    ),
)
frames = st.integers(0, 3)


@st.composite
def present_notes(draw):
    drawn = draw(st.lists(st.tuples(frames, texts, st.booleans()), max_size=10))
    return [Note(frame, text, number, resolved) for number, (frame, text, resolved) in enumerate(drawn)]


wanted_notes = st.lists(st.builds(Note, frames, texts), max_size=8)


@given(names, names, st.floats(0, 1), st.lists(names, max_size=3))
def test_a_check_is_known_again_by_the_class_it_doubts(present, suggested, suspicion, evidence):
    note = read(check_text(present, suggested, suspicion, evidence), 4, 1, resolved=False)
    assert note is not None
    assert note.kind is Kind.CHECK
    if "\n" not in present and "\r" not in present:
        assert note.matter == (4, Kind.CHECK, present)


def test_a_suggestion_is_known_again_whatever_its_rank():
    first, later = (read(next_text(rank, 9, "why"), 4, 1, resolved=False) for rank in (1, 7))
    assert first.matter == later.matter == (4, Kind.NEXT, "")


@pytest.mark.parametrize(
    "text", ["", "looks wrong", "see vicinal: check", "vicinal: hello", "Vicinal: check: x"]
)
def test_what_people_wrote_is_left_alone(text):
    assert read(text, 0, 1, resolved=False) is None


@given(present_notes(), wanted_notes)
def test_after_the_changes_the_open_notes_are_those_wanted(present, wanted):
    change = compare(present, wanted)
    answered = {note.matter for note in present if note.resolved}
    left = [note for note in present if note not in change.remove]
    open_ = sorted((note.frame, note.text) for note in (*left, *change.add) if not note.resolved)
    assert open_ == sorted({(note.frame, note.text) for note in wanted if note.matter not in answered})


@given(present_notes(), wanted_notes)
def test_answers_are_never_deleted(present, wanted):
    assert not any(note.resolved for note in compare(present, wanted).remove)


@given(present_notes(), wanted_notes)
def test_comparing_again_changes_nothing(present, wanted):
    change = compare(present, wanted)
    after = [note for note in present if note not in change.remove]
    after += [replace(note, id=100 + number) for number, note in enumerate(change.add)]
    again = compare(after, wanted)
    assert (again.add, again.remove) == ((), ())
