"""Suggestions and suspicions as issues of a task, through the command line."""

import re

import pytest

from vicinal_cvat.notes import Note, next_text
from vicinal_cvat.platform import Access, opened


@pytest.fixture
def pull(vicinal):
    def run(task, dataset, *flags):
        status, said = vicinal("cvat", "pull", "--task", task.id, "--dataset", dataset, *flags)
        assert status == 0, said
        return said

    return run


@pytest.fixture
def doubtful(platform, vicinal, pictures):
    """A task of 300 tagged frames, 27 of them wrongly; dataset, and frame -> true class of the wrong ones."""
    images, truth = pictures
    classes = sorted({*truth})
    task = platform.add(classes, images[:300])
    wrong = {frame: truth[frame] for frame in range(5, 300, 11)}
    for frame in range(300):
        there = classes[(classes.index(truth[frame]) + 3) % 10] if frame in wrong else truth[frame]
        task.tag(frame, there, "file")
    dataset = f"doubtful-{task.id}"
    assert vicinal("cvat", "push", "--task", task.id, "--dataset", dataset)[0] == 0
    return task, dataset, wrong


def ranked(platform, task):
    """Frames with a suggestion, by the rank in its text."""
    ranks = {}
    for frame, messages in platform.notes(task).items():
        for message in messages:
            if found := re.match(r"vicinal: label next \((\d+) of (\d+)\)", message):
                ranks[int(found[1])] = frame
    return [ranks[rank] for rank in sorted(ranks)]


def checked(platform, task):
    return {
        frame
        for frame, messages in platform.notes(task).items()
        if any(message.startswith("vicinal: check:") for message in messages)
    }


def test_suggestions_are_issues_in_vicinals_order(platform, graph, labelled, pull):
    task, dataset, _ = labelled
    said = pull(task, dataset, "-n", "12", "--min-suspicion", "1")
    wanted = [int(one.sample_id.split("-")[1]) for one in graph.suggest(dataset, 12)]
    assert ranked(platform, task) == wanted
    assert "12 frames to label next" in said
    for issue in platform.issues.values():
        assert issue["position"] == [0, 0, 28, 28]


def test_pulling_again_changes_nothing_and_labels_move_on(platform, labelled, pull, vicinal):
    task, dataset, truth = labelled
    pull(task, dataset, "-n", "5")
    before = dict(platform.issues)
    assert "wrote 0 issues, deleted 0" in pull(task, dataset, "-n", "5")
    assert platform.issues == before
    done = ranked(platform, task)
    for frame in done:
        task.tag(frame, truth[frame])
    assert vicinal("cvat", "sync", "--task", task.id, "--dataset", dataset)[0] == 0
    pull(task, dataset, "-n", "5")
    later = ranked(platform, task)
    assert len(later) == 5
    assert not {*later} & {*done}


def test_a_share_of_the_suggestions_is_drawn_at_random(platform, graph, labelled, pull):
    task, dataset, _ = labelled
    pull(task, dataset, "-n", "10", "--audit", "0.3")
    wanted = graph.suggest(dataset, 10, audit_share=0.3)
    assert ranked(platform, task) == [int(one.sample_id.split("-")[1]) for one in wanted]
    messages = [message for said in platform.notes(task).values() for message in said]
    assert sum(message.endswith("drawn at random") for message in messages) == 3


def test_an_issue_that_somebody_deleted_meanwhile_is_no_obstacle(platform, labelled, pull):
    task, dataset, _ = labelled
    pull(task, dataset, "-n", "2")
    with opened(Access(platform.url), task.id) as found:
        notes = found.notes()
        found.delete_notes([Note(0, next_text(1, 1, "gone"), 999), *notes])
    assert notes
    assert not platform.issues


def test_wrong_tags_are_flagged_with_what_they_should_be(platform, doubtful, pull):
    task, dataset, wrong = doubtful
    pull(task, dataset, "-n", "0", "--min-suspicion", "0.9")
    found = checked(platform, task)
    assert len(found & {*wrong}) >= 18
    assert len(found & {*wrong}) / len(found) >= 0.5
    notes = platform.notes(task)
    right = [frame for frame in found & {*wrong} if f'perhaps "{wrong[frame]}"' in notes[frame][0]]
    assert len(right) >= 14
    assert all("like frame " in notes[frame][0] for frame in found)


def test_a_corrected_tag_loses_its_issue(platform, doubtful, pull, vicinal):
    task, dataset, wrong = doubtful
    pull(task, dataset, "-n", "0")
    frame = min(checked(platform, task) & {*wrong})
    number = next(number for number, tag in task.tags.items() if tag["frame"] == frame)
    task.tags[number]["label_id"] = next(key for key, name in task.labels.items() if name == wrong[frame])
    task.tags[number]["source"] = "manual"
    vicinal("cvat", "sync", "--task", task.id, "--dataset", dataset)
    pull(task, dataset, "-n", "0")
    assert frame not in checked(platform, task)


def test_a_resolved_issue_is_an_answer(platform, doubtful, pull):
    task, dataset, _ = doubtful
    pull(task, dataset, "-n", "3")
    kept = min(checked(platform, task))
    declined = ranked(platform, task)
    for issue in platform.issues.values():
        if issue["frame"] in {kept, *declined}:
            issue["resolved"] = True
    resolved = {number for number, issue in platform.issues.items() if issue["resolved"]}
    pull(task, dataset, "-n", "3")
    assert kept not in checked(platform, task)
    assert len(ranked(platform, task)) == 3
    assert not {*ranked(platform, task)} & {*declined}
    assert resolved <= {*platform.issues}


def test_peoples_issues_are_left_alone(platform, labelled, pull):
    task, dataset, _ = labelled
    theirs = {
        "frame": 1,
        "job": min(task.jobs),
        "position": [1.0, 1.0],
        "message": "blurred",
        "resolved": False,
    }
    platform.issues[0] = theirs
    pull(task, dataset)
    pull(task, dataset, "-n", "1")
    assert platform.issues[0] == theirs


def test_suggestions_of_other_tasks_stay_with_them(platform, labelled, pictures, pull, vicinal):
    task, dataset, _ = labelled
    other = platform.add(task.classes, pictures[0][300:])
    assert vicinal("cvat", "push", "--task", other.id, "--dataset", dataset)[0] == 0
    pull(other, dataset, "-n", "10")
    assert len(ranked(platform, other)) == 10
    assert ranked(platform, task) == []
