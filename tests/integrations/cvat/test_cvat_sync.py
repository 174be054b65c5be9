"""Frames, tags and labels between a task and a dataset, through the command line."""

import pytest

from vicinal_client import NotFound, Trust


def labels_of(graph, dataset):
    """(frame, annotator) -> class and trust."""
    return {
        (int(label.sample_id.split("-")[1]), label.annotator): (label.class_name, label.trust)
        for label in graph.list_labels(dataset, min_revision=graph.get_dataset(dataset).revision).labels
    }


@pytest.fixture
def sync(vicinal):
    def run(task, dataset, *flags):
        status, said = vicinal("cvat", "sync", "--task", task.id, "--dataset", dataset, *flags)
        assert status == 0, said
        return said

    return run


def test_pushing_makes_frames_samples_and_tags_labels(graph, labelled, vicinal):
    task, dataset, truth = labelled
    found = graph.get_dataset(dataset)
    assert found.classes == task.classes
    assert sorted(graph.list_samples(dataset).ids) == sorted(f"{task.id}-{frame}" for frame in range(300))
    wanted = {(frame, "cvat"): (truth[frame], Trust.VERIFIED) for frame in range(0, 300, 7)}
    assert labels_of(graph, dataset) == wanted
    status, said = vicinal("cvat", "push", "--task", task.id, "--dataset", dataset)
    assert (status, "added 0 frames, 300 were there" in said) == (0, True), said
    assert graph.get_dataset(dataset).revision == found.revision


def test_a_push_that_was_cut_short_goes_on(platform, graph, embedder, pictures, vicinal):
    images, truth = pictures
    task = platform.add(sorted({*truth}), images[:20])
    kept, task.images = task.images, [*images[:12], b"not an image"]
    status, _ = vicinal("cvat", "push", "--task", task.id, "--dataset", "cut-short")
    assert status != 0
    task.images = kept
    status, said = vicinal("cvat", "push", "--task", task.id, "--dataset", "cut-short")
    assert status == 0, said
    assert len(graph.list_samples("cut-short").ids) == 20


def test_deleted_frames_and_other_labels_stay_out(platform, graph, pictures, vicinal):
    images, truth = pictures
    task = platform.add(sorted({*truth}), images[:20], deleted=(3, 4))
    task.tag(3, truth[3])
    assert vicinal("cvat", "push", "--task", task.id, "--dataset", "with-holes")[0] == 0
    frames = {int(sample.split("-")[1]) for sample in graph.list_samples("with-holes").ids}
    assert frames == {*range(20)} - {3, 4}
    assert labels_of(graph, "with-holes") == {}


def test_two_tasks_share_a_dataset(platform, graph, labelled, pictures, vicinal):
    task, dataset, _ = labelled
    other = platform.add([*task.classes, "Hat"], pictures[0][300:310])
    other.tag(0, "Hat", "file")
    assert vicinal("cvat", "push", "--task", other.id, "--dataset", dataset)[0] == 0
    assert graph.get_dataset(dataset).classes == (*task.classes, "Hat")
    assert labels_of(graph, dataset)[0, "cvat"] == ("Hat", Trust.GIVEN)
    before = labels_of(graph, dataset)
    assert vicinal("cvat", "sync", "--task", task.id, "--dataset", dataset)[0] == 0
    assert labels_of(graph, dataset) == before


def test_edits_and_deletions_are_followed(graph, labelled, sync):
    task, dataset, truth = labelled
    first, second, *_ = sorted(task.tags)
    frame = task.tags[second]["frame"]
    del task.tags[first]
    task.tags[second]["label_id"] = next(key for key, name in task.labels.items() if name != truth[frame])
    new = task.tag(1, "Bag")
    assert "labels: 2 stated, 1 taken back" in sync(task, dataset)
    labels = labels_of(graph, dataset)
    assert (0, "cvat") not in labels
    assert labels[frame, "cvat"] == (task.labels[task.tags[second]["label_id"]], Trust.VERIFIED)
    assert labels[1, "cvat"] == ("Bag", Trust.VERIFIED)
    task.tags[new]["source"] = "file"
    sync(task, dataset)
    assert labels_of(graph, dataset)[1, "cvat"] == ("Bag", Trust.GIVEN)
    revision = graph.get_dataset(dataset).revision
    assert "labels: 0 stated, 0 taken back\nautomatic tags: 0 added, 0 deleted" in sync(task, dataset)
    assert graph.get_dataset(dataset).revision == revision


def test_a_class_that_the_task_got_later_is_appended(graph, labelled, sync):
    task, dataset, _ = labelled
    before = task.classes
    task.classes = (*before, "Unused", "Hat")
    task.tag(1, "Hat")
    assert "labels: 1 stated, 0 taken back" in sync(task, dataset)
    assert labels_of(graph, dataset)[1, "cvat"] == ("Hat", Trust.VERIFIED)
    assert graph.get_dataset(dataset).classes == (*before, "Hat")


def test_a_task_has_a_dataset_of_its_own_unless_one_is_named(platform, graph, pictures, vicinal):
    images, truth = pictures
    task = platform.add(sorted({*truth}), images[:4])
    for command in ("push", "sync", "pull"):
        status, said = vicinal("cvat", command, "--task", task.id)
        assert status == 0, said
    assert len(graph.list_samples(f"cvat-{task.id}").ids) == 4


def test_automatic_tags_are_labels_only_where_a_job_is_completed(graph, labelled, sync):
    task, dataset, _ = labelled
    for frame in (1, 60):
        task.tag(frame, "Bag", "auto")
    before = labels_of(graph, dataset)
    sync(task, dataset)
    assert labels_of(graph, dataset) == before
    task.completed = {min(task.jobs)}
    sync(task, dataset, "--completed")
    assert labels_of(graph, dataset) == {**before, (1, "cvat"): ("Bag", Trust.VERIFIED)}


def test_frames_with_two_classes_are_named_and_state_nothing(graph, labelled, sync):
    task, dataset, truth = labelled
    task.tag(7, next(name for name in task.classes if name != truth[7]))
    said = sync(task, dataset)
    assert "frame 7: it has tags of several classes" in said
    assert (7, "cvat") not in labels_of(graph, dataset)


def test_labels_from_elsewhere_become_automatic_tags_and_do_not_come_back(graph, labelled, sync):
    task, dataset, _ = labelled
    graph.add_labels(dataset, {f"{task.id}-1": "Bag", f"{task.id}-0": "Coat"}, annotator="ann")
    graph.add_labels(dataset, {f"{task.id}-2": "Coat"}, annotator="ann", trust=Trust.GIVEN)
    before = labels_of(graph, dataset)
    assert "automatic tags: 1 added" in sync(task, dataset)
    assert task.classes_of("auto") == {1: ["Bag"]}  # 0 is a person's in CVAT, 2 nobody looked at
    assert "0 stated, 0 taken back\nautomatic tags: 0 added, 0 deleted" in sync(task, dataset)
    assert labels_of(graph, dataset) == before
    graph.add_labels(dataset, {f"{task.id}-1": "Coat"}, annotator="ann")
    assert "automatic tags: 1 added, 1 deleted" in sync(task, dataset)
    assert task.classes_of("auto") == {1: ["Coat"]}
    task.tag(1, "Dress")
    sync(task, dataset)
    assert task.classes_of("auto") == {}
    assert labels_of(graph, dataset)[1, "cvat"] == ("Dress", Trust.VERIFIED)


def test_beliefs_become_automatic_tags_and_follow_the_labels(graph, labelled, believed, sync):
    task, dataset, truth = labelled

    def wanted():
        people = task.classes_of("manual")
        found = believed(task, dataset)
        return {frame: [name] for frame, (name, sure) in found.items() if sure >= 0.8 and frame not in people}

    sync(task, dataset, "--beliefs", "0.8")
    first = wanted()
    assert 50 < len(first) < 300
    assert task.classes_of("auto") == first
    for frame in range(3, 300, 7):
        task.tag(frame, truth[frame])
    sync(task, dataset, "--beliefs", "0.8")
    tags = task.classes_of("auto")
    assert wanted().items() <= tags.items()
    assert not {*tags} & {*task.classes_of("manual")}
    assert "automatic tags: 0 added, 0 deleted" in sync(task, dataset, "--beliefs", "0.8")


def test_an_organizations_task_is_read_whole(platform, graph, pictures, vicinal):
    images, truth = pictures
    task = platform.add(sorted({*truth}), images[:12], organization=5)
    task.tag(0, truth[0])
    assert vicinal("cvat", "push", "--task", task.id, "--dataset", "of-a-group")[0] == 0
    assert vicinal("cvat", "pull", "--task", task.id, "--dataset", "of-a-group", "-n", "2")[0] == 0
    before = dict(platform.issues)
    assert len(before) == 2
    assert vicinal("cvat", "pull", "--task", task.id, "--dataset", "of-a-group", "-n", "2")[0] == 0
    assert platform.issues == before


def test_what_cannot_be_done_is_said_in_a_line(platform, graph, pictures, vicinal, monkeypatch):
    task = platform.add(["cat"], pictures[0][:3])
    target = ("--dataset", "never-made")
    status, said = vicinal("cvat", "push", "--task", task.id, *target)
    assert (status, "labels for tags, and at least two are needed" in said) == (1, True), said
    status, said = vicinal("cvat", "push", "--task", 99, *target)
    assert (status, "CVAT answered 404" in said) == (1, True), said
    empty = platform.add(["cat", "dog"], [])
    film = platform.add(["cat", "dog"], pictures[0][:3], chunk_type="video")
    for other in (empty, film):
        status, said = vicinal("cvat", "push", "--task", other.id, *target)
        assert (status, "has no images" in said) == (1, True), said
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "wrong")
    status, said = vicinal("cvat", "push", "--task", task.id, *target)
    assert (status, "CVAT answered 401" in said, "CVAT_ACCESS_TOKEN" in said) == (1, True, True), said
    status, said = vicinal("cvat", "push", "--task", task.id, "--cvat", "http://127.0.0.1:1", *target)
    assert (status, "does not answer" in said) == (1, True), said
    with pytest.raises(NotFound):
        graph.get_dataset("never-made")


def test_a_server_of_another_version_is_warned_of(platform, labelled, sync, caplog):
    task, dataset, _ = labelled
    sync(task, dataset)
    assert not caplog.records
    platform.version = "2.60.0"
    sync(task, dataset)
    assert "'2.60.0' is not compatible with SDK version '2.80.0'" in caplog.text
