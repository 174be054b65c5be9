import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cvat.names import frame_of, sample_of

numbers = st.integers(0, 10**9)


@given(numbers, numbers)
def test_a_frame_is_found_by_its_sample(task, frame):
    assert frame_of(task, sample_of(task, frame)) == frame


@given(numbers, numbers, numbers)
def test_another_tasks_frame_is_not_ours(task, other, frame):
    assert task == other or frame_of(task, sample_of(other, frame)) is None


@pytest.mark.parametrize(
    "sample", ["7", "7-", "7-01", "7-x", "7--1", "7-1-2", "77-1", "-7-1", "7-²", "7-٣", ""]
)
def test_other_samples_of_the_dataset_are_not_ours(sample):
    assert frame_of(7, sample) is None
