"""The auto-annotation function under CVAT's own driver and its own command line."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from cvat_sdk import auto_annotation, make_client
from PIL import Image

from vicinal_client import ConnectionFailed, EmbedClient, FailedPrecondition, GraphClient, RetryPolicy
from vicinal_cvat.function import VicinalFunction, create
from vicinal_cvat.judging import Judge
from vicinal_cvat.pictures import png_of


class Context(auto_annotation.DetectionFunctionContext):
    """What the driver says of a frame."""

    frame_name = "wide.png"
    conf_threshold = None
    conv_mask_to_poly = False


@pytest.fixture
def annotate(platform, services_named):
    """`annotate(task, dataset, *flags)`: `cvat-cli task auto-annotate` as a process."""

    def annotate(task, dataset, *flags):
        words = ["task", "auto-annotate", task.id, "--function-module", "vicinal_cvat.function"]
        given = {"dataset": dataset, "graph": services_named.graph, "embed": services_named.embed}
        words += [word for name, value in given.items() for word in ("-p", f"{name}=str:{value}")]
        command = [sys.executable, "-m", "cvat_cli", "--server-host", platform.url, *map(str, words), *flags]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)

    return annotate


def share_right(tags, truth):
    """Share of the tagged frames whose only tag is right."""
    return sum(names == [truth[frame]] for frame, names in tags.items()) / len(tags)


def test_frames_of_the_dataset_get_what_is_believed_of_them(graph, labelled, annotate, believed):
    task, dataset, truth = labelled
    people = task.classes_of("manual")
    done = annotate(task, dataset)
    assert done.returncode == 0, done.stderr
    tags = task.classes_of("auto")
    assert tags == {frame: [name] for frame, (name, _) in believed(task, dataset).items()}
    assert task.classes_of("manual") == people
    assert all(tags[frame] == names for frame, names in people.items())
    unseen = {frame: names for frame, names in tags.items() if frame not in people}
    assert share_right(unseen, truth) > 0.6


def test_frames_that_nobody_pushed_are_classified(platform, graph, labelled, annotate, pictures):
    _, dataset, _ = labelled
    images, truth = pictures
    other = platform.add(sorted({*truth}), images[300:])
    done = annotate(other, dataset)
    assert done.returncode == 0, done.stderr
    tags = other.classes_of("auto")
    assert len(tags) == 100
    assert share_right(tags, truth[300:]) > 0.6
    assert graph.get_dataset(dataset).sample_count == 300


def test_a_threshold_leaves_doubtful_frames_alone(labelled, annotate, believed):
    task, dataset, _ = labelled
    sure = {frame for frame, (_, confidence) in believed(task, dataset).items() if confidence >= 0.8}
    assert 50 < len(sure) < 300
    assert annotate(task, dataset, "--conf-threshold", "0.8").returncode == 0
    assert {*task.classes_of("auto")} == sure
    task.tags.clear()
    assert annotate(task, dataset, "-p", "threshold=float:0.8").returncode == 0
    assert {*task.classes_of("auto")} == sure


def test_a_task_without_the_datasets_labels_is_refused_by_the_driver(platform, labelled, annotate, pictures):
    _, dataset, _ = labelled
    other = platform.add(["Bag", "Coat"], pictures[0][:3])
    done = annotate(other, dataset)
    assert done.returncode != 0
    assert "is not in dataset" in done.stderr
    assert annotate(other, dataset, "--allow-unmatched-labels").returncode == 0
    assert {name for names in other.classes_of("auto").values() for name in names} <= {"Bag", "Coat"}


def test_a_dataset_that_is_not_there_ends_the_command(platform, labelled, annotate):
    done = annotate(labelled[0], "nowhere")
    assert done.returncode != 0
    assert "nowhere" in done.stderr


def test_a_whole_task_takes_a_handful_of_calls(platform, services_named, embedder, labelled):
    """The driver asks for one frame at a time; the services are not asked as often."""
    task, dataset, _ = labelled
    calls = []
    with (
        GraphClient(services_named.graph, on_call=calls.append) as graph,
        make_client(platform.url, access_token="an-access-token") as client,
    ):
        function = VicinalFunction(Judge(graph, Nobody(), dataset, refresh=3600))
        auto_annotation.annotate_task(client, task.id, function)
    assert len(task.classes_of("auto")) == 300
    assert len(calls) < 10


class Nobody:
    """An embedder that must not be needed."""

    def embed(self, *args, **kwargs):
        raise AssertionError("an image of the dataset was embedded again")


def test_labels_that_come_later_are_seen(graph, embedder, labelled):
    task, dataset, truth = labelled
    now = [0.0]
    judge = Judge(graph, embedder, dataset, refresh=10, clock=lambda: now[0])
    image = pixels(task, 1)
    classes = graph.get_dataset(dataset).classes
    wrong = next(name for name in classes if name != truth[1])
    judge.judge(image)
    graph.add_labels(dataset, {f"{task.id}-1": wrong}, annotator="somebody")
    now[0] = 11.0
    assert classes[judge.judge(image).class_index] == wrong


def test_an_encoder_that_comes_later_is_asked_for(graph, labelled):
    _, dataset, _ = labelled
    now, asked = [0.0], []

    class Recorder:
        def embed(self, images, encoder_digest):
            asked.append(encoder_digest)
            raise FailedPrecondition("ENCODER_MISMATCH", "another encoder")

    judge = Judge(graph, Recorder(), dataset, refresh=10, clock=lambda: now[0])
    ids, other = graph.list_samples(dataset).ids, "cd" * 32
    digests = [graph.get_dataset(dataset).encoder_digest, other]
    for seconds in (0.0, 11.0):
        now[0] = seconds
        with pytest.raises(FailedPrecondition):
            judge.judge(b"an image that the dataset does not hold")
        if seconds == 0:
            vectors = np.random.default_rng(1).normal(size=(len(ids), 8))
            graph.stage_vectors(dataset, ids, vectors, encoder_digest=other)
            graph.change_encoder(dataset, other)
    assert asked == digests


def pixels(task, frame):
    with Image.open(BytesIO(task.images[frame])) as image:
        return png_of(image)


def test_an_image_that_cannot_be_embedded_gets_no_tag(graph, embedder, labelled):
    _, dataset, _ = labelled
    function = VicinalFunction(Judge(graph, embedder, dataset))
    assert function.detect(Context(), Image.new("L", (60_000, 1000))) == []


def test_the_function_declares_the_datasets_classes_as_tags(graph, labelled, services_named):
    _, dataset, _ = labelled
    function = create(dataset, graph=services_named.graph, embed=services_named.embed)
    classes = graph.get_dataset(dataset).classes
    assert [(label.name, label.id, label.type) for label in function.spec.labels] == [
        (name, index, "tag") for index, name in enumerate(classes)
    ]
    with pytest.raises(ValueError, match="threshold"):
        create(dataset, graph=services_named.graph, embed=services_named.embed, threshold=2)


def test_a_service_that_is_away_ends_the_run(graph, labelled):
    _, dataset, _ = labelled
    with EmbedClient("127.0.0.1:1", retry=RetryPolicy(attempts=1)) as away:
        judge = Judge(graph, away, dataset)
        with pytest.raises(ConnectionFailed):
            judge.judge(b"an image that the dataset does not hold")
