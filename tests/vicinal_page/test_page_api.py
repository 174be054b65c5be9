"""What the page's scripts may ask, in front of a real graph service."""

import random

import pytest

from vicinal_client import GraphClient, Label, Trust


def labels_of(graph, dataset):
    return set(graph.list_labels(dataset, min_revision=0).labels)


def test_a_dataset_as_it_stands(web, graph, dataset, truth):
    listed = {one["name"]: one for one in web.get("/api/datasets").json()["datasets"]}
    assert listed[dataset] == {
        "name": dataset,
        "samples": len(truth),
        "verified": 0,
        "given": 0,
        "images": True,
    }
    before = web.get("/api/state", params={"dataset": dataset}).json()
    assert (before["samples"], before["verified"], before["unreached"]) == (120, 0, 120)
    assert (before["accuracy"], before["noise"], before["sure"]) == (None, None, 0)
    revision = graph.add_labels(dataset, {"000.png": "cat", "001.png": "dog", "002.png": "owl"})
    after = web.get("/api/state", params={"dataset": dataset, "revision": revision}).json()
    assert after["revision"] >= revision
    assert (after["verified"], after["unreached"]) == (3, 0)
    assert sum(after["masses"]) == sum(after["histogram"]) == 120
    propagation = graph.propagate(dataset, include_beliefs=True)
    assert after["sure"] == pytest.approx((propagation.confidences >= 0.9).mean())
    assert [point[0] for point in after["curve"]] == [0, 3]


def test_labelling_one_after_another(seat, web, graph, dataset, truth):
    ada = seat("ada")
    first = ada("queue")["items"]
    assert len(first) == 10
    assert sum(item["reason"] == "audit" for item in first) == 2
    assert all(len(item["neighbours"]) == 8 for item in first)
    said = {}
    items = first
    for _ in range(12):
        sample = items[0]["id"]
        said[sample] = truth[sample]
        answer = ada.say(sample, truth[sample])
        items = answer["items"]
        assert len(items) >= 5
        assert not {item["id"] for item in items} & said.keys()
    assert labels_of(graph, dataset) == {Label(sample, name, "ada") for sample, name in said.items()}
    state = web.get("/api/state", params={"dataset": dataset, "revision": answer["revision"]}).json()
    assert state["audited"] >= 2
    assert state["accuracy"]["lower"] <= state["accuracy"]["estimate"] <= state["accuracy"]["upper"]
    assert state["curve"][-1][0] == 12
    assert state["curve"][-1][2] == state["accuracy"]["estimate"]


def test_neighbours_say_what_people_said_and_what_is_believed(seat, graph, dataset, truth):
    ada = seat("ada")
    for sample in list(truth)[:60]:
        graph.add_labels(dataset, {sample: truth[sample]}, annotator="bob")
    ada.say("060.png", truth["060.png"])
    items = ada("queue")["items"]
    near = [one for item in items for one in item["neighbours"]]
    assert all(one["class"] in ("cat", "dog", "owl") for one in near)
    labelled = {one["id"]: one["labelled"] for one in near if one["labelled"]}
    assert labelled
    assert all(truth[sample] == name for sample, name in labelled.items())


def test_what_was_said_can_be_taken_back(seat, graph, dataset):
    graph.add_labels(dataset, [Label("003.png", "dog", "ada", Trust.GIVEN)])
    ada = seat("ada")
    sample = ada.held()[0]
    ada.say("003.png", "cat")
    assert ada.say(sample, "owl")["undos"] == 2
    undone = ada("undo")
    assert undone["undone"] == {"sample": sample, "class": "owl"}
    assert undone["items"][0]["id"] == sample
    assert labels_of(graph, dataset) == {Label("003.png", "cat", "ada")}
    ada("undo")
    assert labels_of(graph, dataset) == {Label("003.png", "dog", "ada", Trust.GIVEN)}
    nothing = ada("undo")
    assert (nothing["undone"], nothing["undos"]) == (None, 0)


def test_one_only_takes_back_what_one_said(seat, graph, dataset):
    seat("ada").say("005.png", "cat")
    assert seat("bob")("undo")["undone"] is None
    assert labels_of(graph, dataset) == {Label("005.png", "cat", "ada")}


def test_nobody_gets_what_another_holds(seat, graph, dataset):
    ada, bob = seat("ada"), seat("bob")
    assert not set(ada.held()) & set(bob.held())
    leased = {lease.annotator: set(lease.sample_ids) for lease in graph.leases(dataset)}
    assert leased == {"ada": set(ada.held()), "bob": set(bob.held())}


def test_a_skipped_sample_is_for_others(seat, graph, dataset):
    ada = seat("ada")
    sample = ada.held()[0]
    assert sample not in [item["id"] for item in ada("skip", sample=sample)["items"]]
    assert sample not in {one for lease in graph.leases(dataset) for one in lease.sample_ids}
    held = set()
    for _ in range(12):
        held |= set(ada.held())
        ada("skip", sample=ada.held()[0])
    assert sample not in held


def test_a_sample_that_was_removed_lies_ready_no_more(seat, web, graph, dataset):
    ada = seat("ada")
    sample = ada.held()[0]
    graph.remove_samples(dataset, [sample])
    body = {"dataset": dataset, "annotator": "ada", "sample": sample, "class": "cat"}
    answer = web.post("/api/label", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (404, "UNKNOWN_SAMPLE")
    assert sample not in ada.held()


def test_flags_are_looked_at_one_by_one(seat, web, graph, doubtful):
    name, wrong = doubtful
    ada = seat("ada", name)
    flags = read_flags(web, name)
    assert {flag["sample"] for flag in flags[: len(wrong)]} == wrong.keys()
    assert all(flag["evidence"] for flag in flags[: len(wrong)])
    taken, kept = flags[:2]
    ada.say(taken["sample"], taken["suggested"], settles=True)
    ada.say(kept["sample"], kept["class"], settles=True)
    said = {label.sample_id: label for label in labels_of(graph, name) if label.annotator == "ada"}
    assert said[taken["sample"]] == Label(taken["sample"], taken["suggested"], "ada")
    assert said[kept["sample"]] == Label(kept["sample"], kept["class"], "ada")
    left = {flag["sample"] for flag in read_flags(web, name)}
    assert not left & {taken["sample"], kept["sample"]}
    ada("undo")
    assert kept["sample"] in {flag["sample"] for flag in read_flags(web, name)}


def test_flags_beyond_those_that_were_looked_at_come_up(web, graph, make_dataset):
    truth = {f"{i}.png": ("cat", "dog", "owl")[i % 3] for i in range(900)}
    name = make_dataset(truth)
    rng = random.Random(1)
    wrong = {sample: rng.choice(["cat", "dog", "owl"]) for sample in rng.sample(list(truth), 400)}
    graph.add_labels(name, truth | wrong, trust=Trust.GIVEN)
    flagged = [flag.label.sample_id for flag in graph.flag_errors(name)]
    settled = set(flagged[:-25])
    graph.add_labels(name, {sample: truth[sample] for sample in settled}, annotator="bob")
    still = [flag.label.sample_id for flag in graph.flag_errors(name) if not flag.label.annotator]
    waiting = [sample for sample in still if sample not in settled]
    assert still.index(waiting[0]) > 200
    assert [flag["sample"] for flag in read_flags(web, name) if not flag["annotator"]] == waiting


def test_a_label_of_ones_own_that_was_kept_is_not_doubted_again(seat, web, graph, doubtful):
    name, wrong = doubtful
    (sample, stated), *_ = wrong.items()
    graph.remove_labels(name, [sample])
    ada = seat("ada", name)
    ada.say(sample, stated)
    assert sample in {flag["sample"] for flag in read_flags(web, name)}
    ada.say(sample, stated, settles=True)
    assert sample not in {flag["sample"] for flag in read_flags(web, name)}


def test_what_is_verified_elsewhere_is_looked_at_too(web, graph, doubtful, truth):
    name, wrong = doubtful
    sample = next(iter(wrong))
    assert sample in {flag["sample"] for flag in read_flags(web, name)}
    graph.add_labels(name, {sample: truth[sample]}, annotator="somebody else")
    assert sample not in {flag["sample"] for flag in read_flags(web, name)}


def read_flags(web, dataset):
    answer = web.get("/api/flags", params={"dataset": dataset})
    assert answer.status_code == 200, answer.text
    return answer.json()["flags"]


def test_the_stream_tells_what_moves(seat, graph, dataset, truth):
    ada = seat("ada")
    ada.say("010.png", truth["010.png"])
    events = ada.events()
    first = next(events)
    assert first["state"]["dataset"] == dataset
    assert len(first["desk"]["items"]) >= 5
    revision = graph.add_labels(dataset, {"000.png": "cat", "001.png": "dog"}, annotator="elsewhere")
    told = next(one for one in events if one["state"]["revision"] >= revision)
    assert told["state"]["verified"] == 3
    assert told["state"]["curve"][-1][0] == 3
    assert any(item["class"] >= 0 for item in told["desk"]["items"])
    graph.delete_dataset(dataset)
    *_, last = events
    assert last == {"gone": dataset}


def test_a_dataset_made_anew_is_another(seat, web, graph, dataset):
    for i in range(9):
        seat("ada").say(f"{i:03}.png", "cat")
    graph.delete_dataset(dataset)
    answer = web.get("/api/state", params={"dataset": dataset})
    while answer.status_code == 200:  # until the page has heard of it
        answer = web.get("/api/state", params={"dataset": dataset})
    assert answer.json()["reason"] == "UNKNOWN_DATASET"
    graph.create_dataset(dataset, dimension=2, classes=["x", "y"])
    assert web.get("/api/state", params={"dataset": dataset}).json()["classes"] == ["x", "y"]
    assert seat("ada").held() == read_flags(web, dataset) == []
    assert seat("ada")("undo")["undone"] is None


def test_the_page_outlives_the_graph_service(tmp_path, start_graph, run_page):
    import httpx

    service = start_graph()
    with GraphClient(service.address) as client:
        client.create_dataset("d", dimension=2, classes=["a", "b"])
        client.add_samples("d", ["s", "t", "u"], [[1, 0], [0, 1], [1, 1]])
    with run_page(tmp_path, service.address) as address, httpx.Client(base_url=address, timeout=90) as web:
        who = {"dataset": "d", "annotator": "ada"}
        assert web.post("/api/label", json=who | {"sample": "s", "class": "a"}).status_code == 200
        service.stop()
        refused = web.get("/api/datasets")
        assert (refused.status_code, refused.json()["reason"]) == (503, "NO_ANSWER")
        service.start()
        answer = web.post("/api/label", json=who | {"sample": "t", "class": "b"}).json()
        state = web.get("/api/state", params={"dataset": "d", "revision": answer["revision"]}).json()
        assert (state["verified"], state["trouble"]) == (2, "")
        assert [point[0] for point in state["curve"]][-1] == 2
