"""Label Studio as people use it, with vicinal behind: from images to suspected labels."""

import random
import time

import pytest

from vicinal_client import GraphClient, Trust

IMAGES, EXISTING, WRONG, CLICKS = 500, 150, 15, 20
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def project(new_project):
    return new_project(IMAGES, "the loop")


@pytest.fixture(scope="module")
def planted(project):
    """Task → wrong class: a tenth of the annotations that were there before."""
    draw = random.Random(7)
    tasks = draw.sample(sorted(project.classes), EXISTING)
    wrong, classes = {}, sorted(set(project.truth.values()))
    for task in tasks:
        choice = project.classes[task]
        if len(wrong) < WRONG:
            choice = wrong[task] = draw.choice([one for one in classes if one != choice])
        project.api.annotate(task, choice)
    return wrong


@pytest.fixture(scope="module")
def back_end(project, planted, start_back_end, settled):
    """Connected, and at rest: everything imported and predicted."""
    process = start_back_end(project.id, "--existing", "given")
    process.connect()
    settled(process)
    return process


@pytest.fixture(scope="module")
def dataset(project):
    return f"label-studio-{project.id}"


def test_images_and_annotations_are_imported(project, planted, back_end, dataset, labels_of):
    status = back_end.status()
    assert (status["imported"], status["failed_count"], status["labels"]) == (IMAGES, 0, EXISTING)
    labels = labels_of(dataset)
    assert {key: one.class_name for key, one in labels.items()} == project.stated()
    assert {one.trust for one in labels.values()} == {Trust.GIVEN}
    back_end.connect()  # once more changes nothing
    (webhook,) = project.api.get("/api/webhooks/", project=project.id)
    assert webhook["url"] == f"{back_end.url}/webhook"
    (known,) = project.api.get("/api/ml", project=project.id)
    assert (known["state"], known["model_version"]) == ("CO", f"vicinal-{dataset}")


def test_every_open_task_has_a_prediction(project, back_end, dataset):
    known = project.api.predictions(project.id, f"vicinal-{dataset}")
    open_tasks = {task["id"] for task in project.api.tasks(project.id) if not task["is_labeled"]}
    assert len(open_tasks) == IMAGES - EXISTING
    assert open_tasks <= set(known)
    right = sum(
        known[task]["result"][0]["value"]["choices"][0] == project.classes[task] for task in open_tasks
    )
    print(f"predictions of {len(open_tasks)} open tasks: {right / len(open_tasks):.1%} right")
    assert right > 0.6 * len(open_tasks)
    made = project.api.get(f"/api/projects/{project.id}/")
    assert (made["model_version"], made["sampling"]) == (f"vicinal-{dataset}", "Uncertainty sampling")


def test_planted_errors_are_shown_to_reviewers(project, planted, back_end):
    shown = project.api.predictions(project.id, "vicinal-suspect")
    found = set(shown) & set(planted)
    print(f"suspected {len(shown)}, of {len(planted)} planted {len(found)}")
    assert len(found) > len(planted) / 2
    assert len(found) > len(shown) / 4
    assert all(0 < one["score"] <= 1 for one in shown.values())
    views = {
        view["data"]["title"]: view["id"] for view in project.api.get("/api/dm/views/", project=project.id)
    }
    tab = views["Suspected labels (vicinal)"]
    listed = project.api.tasks(project.id, view=tab)
    assert {task["id"] for task in listed} == set(shown)


def test_clicks_change_predictions_and_the_next_task_follows(
    project, back_end, dataset, graph, patient, settled, labels_of
):
    api, version = project.api, f"vicinal-{dataset}"
    settled(back_end)
    before = api.predictions(project.id, version)
    done = {task["id"] for task in api.tasks(project.id) if task["is_labeled"]}
    # Nobody verified these, and Label Studio does not serve them again.
    given = [project.sample(task) for task in done]
    arrivals, followed = [], []

    def lowest():
        scores = api.predictions(project.id, version)
        return min((one["score"], task) for task, one in scores.items() if task not in done)[1]

    def first(client):
        return client.suggest(dataset, 20, exclude=given)[0].sample_id

    with GraphClient(graph.address, timeout=60) as client:
        for _ in range(CLICKS):
            begun = time.monotonic()
            patient(lambda: project.sample(lowest()) == first(client), 60, "the order of suggestion")
            followed.append(time.monotonic() - begun)
            offered = api.next(project.id)
            assert offered["id"] == lowest(), "Label Studio serves the lowest score"
            assert offered["predictions"][0]["model_version"] == version
            written = back_end.status()["added"]
            api.annotate(offered["id"], project.classes[offered["id"]])
            answered = time.monotonic()
            patient(lambda: back_end.status()["added"] > written, 60, "the label")  # noqa: B023
            arrivals.append(time.monotonic() - answered)
            done.add(offered["id"])
    settled(back_end)
    after = api.predictions(project.id, version)
    same = [task for task in after if task in before and task not in done]
    moved = [one for one in same if essence(after[one]) != essence(before[one])]
    say("a label arrived after the click", arrivals)
    say("the order followed after the label", followed)
    print(f"{len(moved)} of {len(same)} predictions changed")
    assert len(moved) > 10
    labels = labels_of(dataset)
    assert len(labels) == EXISTING + CLICKS
    assert {key: one.class_name for key, one in labels.items()} == project.stated()
    assert sum(one.trust is Trust.VERIFIED for one in labels.values()) == CLICKS


def essence(prediction):
    return prediction["result"], prediction["score"]


def say(what, seconds):
    middle = sorted(seconds)[len(seconds) // 2]
    print(f"{what}: {middle:.2f} s (median), {max(seconds):.2f} s (longest of {len(seconds)})")


def test_two_annotators_at_once_get_different_tasks_in_order(project, back_end, dataset, platform, settled):
    """The open-source edition keeps the order however many people annotate; locks keep them apart."""
    settled(back_end)
    api, version = project.api, f"vicinal-{dataset}"
    done = {task["id"] for task in api.tasks(project.id) if task["is_labeled"]}
    scores = api.predictions(project.id, version)
    order = sorted((one["score"], task) for task, one in scores.items() if task not in done)
    second = platform.sign_up("bob@example.org")
    assert [api.next(project.id)["id"], second.next(project.id)["id"]] == [task for _, task in order[:2]]
    for who, task in ((second, order[1][1]), (api, order[0][1])):
        who.annotate(task, project.classes[task])
    settled(back_end)
    assert len(api.get(f"/api/projects/{project.id}/annotators/")) == 2
    for who in (second, api, second):
        done = {task["id"] for task in api.tasks(project.id) if task["is_labeled"]}
        scores = api.predictions(project.id, version)
        first = min((one["score"], task) for task, one in scores.items() if task not in done)[1]
        offered = who.next(project.id)["id"]
        assert offered == first
        who.annotate(offered, project.classes[offered])
        settled(back_end)


def test_what_a_reviewer_corrects_is_suspected_no_more(
    project, planted, back_end, settled, labels_of, dataset
):
    shown = project.api.predictions(project.id, "vicinal-suspect")
    task = next(task for task in planted if task in shown)
    (annotation,) = project.api.get(f"/api/tasks/{task}/annotations/")
    right = project.classes[task]
    body = {"result": [{**annotation["result"][0], "value": {"choices": [right]}}]}
    project.api.patch(f"/api/annotations/{annotation['id']}/", body)
    settled(back_end)
    assert labels_of(dataset)[project.sample(task), "label-studio:1"].class_name == right
    assert task not in project.api.predictions(project.id, "vicinal-suspect")


def test_deletions_are_followed(project, back_end, settled, labels_of, dataset, graph):
    labelled = sorted(key for key in labels_of(dataset))
    first, second = (int(sample.rsplit("-", 1)[1]) for sample, _ in labelled[:2])
    (annotation,) = project.api.get(f"/api/tasks/{first}/annotations/")
    project.api.ask("DELETE", f"/api/annotations/{annotation['id']}/")
    project.api.ask("DELETE", f"/api/tasks/{second}/")
    settled(back_end)
    assert {key: one.class_name for key, one in labels_of(dataset).items()} == project.stated()
    with GraphClient(graph.address, timeout=60) as client:
        assert project.sample(second) not in client.list_samples(dataset).ids
        assert project.sample(first) in client.list_samples(dataset).ids


def test_a_class_that_is_added_can_be_chosen(project, back_end, settled, labels_of, dataset):
    made = project.api.get(f"/api/projects/{project.id}/")
    config = made["label_config"].replace("</Choices>", '<Choice value="Hat"/></Choices>')
    project.api.patch(f"/api/projects/{project.id}/", {"label_config": config})
    task = next(task["id"] for task in project.api.tasks(project.id) if not task["is_labeled"])
    project.api.annotate(task, "Hat")
    settled(back_end)
    assert labels_of(dataset)[project.sample(task), "label-studio:1"].class_name == "Hat"
