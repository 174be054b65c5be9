"""What is written makes labels say what annotations state, and nothing else."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vicinal_client import Label, LabelKey, Trust
from vicinal_label_studio.comparing import Existing, difference, labels_of
from vicinal_label_studio.objects import Annotation, SampleNames, Task

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = ("cat", "dog")
NAMES = SampleNames(3)
WHO = st.sampled_from(["label-studio:1", "label-studio:2"])
ANNOTATION = st.builds(
    Annotation,
    st.integers(1, 99),
    WHO,
    st.sampled_from([*CLASSES, "cow", None]),
    st.booleans(),
    st.integers(0, 9).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
)
TASK = st.builds(
    lambda number, *rest: Task(number, NAMES.of(number), *rest),
    st.integers(1, 6),
    st.just("/data/x.png"),
    st.booleans(),
    st.lists(ANNOTATION, max_size=4, unique_by=lambda one: one.id).map(tuple),
    st.just(()),
)
TASKS = st.lists(TASK, max_size=6, unique_by=lambda task: task.id)
LABEL = st.builds(
    Label,
    st.integers(1, 8).map(NAMES.of),
    st.sampled_from(CLASSES),
    st.one_of(WHO, st.sampled_from(["", "ann"])),
    st.sampled_from(Trust),
)
LABELS = st.lists(LABEL, max_size=12, unique_by=lambda label: (label.sample_id, label.annotator))
EXISTING = st.builds(
    Existing,
    st.sampled_from(Trust),
    st.one_of(st.none(), st.integers(0, 9).map(lambda seconds: BEGIN + timedelta(seconds=seconds))),
)


def written(labels, wanted):
    after = {LabelKey(one.sample_id, one.annotator): one for one in labels}
    for key in wanted.remove:
        del after[key]  # a label that is not there would be refused
    after.update({LabelKey(one.sample_id, one.annotator): one for one in wanted.add})
    return after


@given(TASKS, LABELS, EXISTING)
def test_labels_say_what_annotations_state(tasks, labels, existing):
    wanted = difference(tasks, labels, CLASSES, existing)
    after = written(labels, wanted)
    looked_at = {task.sample for task in tasks}
    for key, label in after.items():
        if key.sample_id not in looked_at or not key.annotator.startswith("label-studio:"):
            assert label in labels
    stated = {
        LabelKey(task.sample, who): label
        for task in tasks
        for who, label in labels_of(task, existing).items()
        if label.class_name in CLASSES
    }
    ours = {k: v for k, v in after.items() if k.sample_id in looked_at and k.annotator.startswith("label")}
    assert ours == stated
    again = difference(tasks, list(after.values()), CLASSES, existing)
    assert not again
    assert again.unknown == wanted.unknown


@given(TASKS, LABELS, EXISTING)
def test_what_is_no_class_is_told_and_states_nothing(tasks, labels, existing):
    wanted = difference(tasks, labels, CLASSES, existing)
    assert {choice for _, choice in wanted.unknown} <= {"cow"}
    assert all(label.class_name in CLASSES for label in wanted.add)


def annotation(number, choice, *, second, cancelled=False):
    return Annotation(number, "label-studio:1", choice, cancelled, BEGIN + timedelta(seconds=second))


def only_label(*annotations, existing=None):
    existing = existing or Existing(Trust.GIVEN, None)
    return labels_of(Task(5, NAMES.of(5), None, True, annotations, ()), existing).get("label-studio:1")


def test_the_last_annotation_counts_and_skipping_does_not():
    first, second = annotation(1, "cat", second=1), annotation(2, "dog", second=2)
    assert only_label(second, first).class_name == "dog"
    assert only_label(first, annotation(2, "dog", second=2, cancelled=True)).class_name == "cat"
    assert only_label(first, annotation(2, None, second=2)).class_name == "cat"
    assert only_label(annotation(1, "cat", second=3), second).class_name == "cat", "changed after the other"
    assert only_label() is None


def test_what_was_there_before_is_believed_as_asked():
    connected = Existing(Trust.GIVEN, BEGIN + timedelta(seconds=5))
    assert only_label(annotation(1, "cat", second=4), existing=connected).trust is Trust.GIVEN
    assert only_label(annotation(1, "cat", second=5), existing=connected).trust is Trust.VERIFIED
    assert only_label(annotation(1, "cat", second=9)).trust is Trust.GIVEN, "not connected yet"


@given(st.integers(1, 999), st.integers(1, 999), st.integers(0, 2**63))
def test_sample_ids_name_their_task_to_their_project_only(project, other, task):
    sample = SampleNames(project).of(task)
    assert SampleNames(other).task(sample) == (task if other == project else None)


@given(st.text(max_size=8))
def test_other_ids_name_none(name):
    assert NAMES.task(name) is None
    assert NAMES.task(f"project-3-task-{name}") is None or name.isdecimal()
