"""The whole loop with a real dataset: push, pull, label what is suggested, see what changes."""

import shutil

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

import vicinal_fiftyone as vf
from vicinal_client import NotFound, Trust


def everything(graph, name):
    """All that the log says about a dataset."""
    labels = graph.list_labels(name).labels
    samples = graph.list_samples(name)
    return dict(zip(samples.ids, samples.content_sha256, strict=True)), {
        (one.sample_id, one.annotator): (one.class_name, one.trust) for one in labels
    }


@pytest.fixture
def pushed(dataset, graph, embed):
    return vf.push(dataset, graph, embed, label_field="ground_truth")


def test_a_push_brings_everything_and_a_second_one_nothing(dataset, graph, embed, pushed, name):
    assert (pushed.added, pushed.stated, pushed.refused) == (510, 510, ())
    samples, labels = everything(graph, name)
    assert sorted(samples) == sorted(dataset.values("id"))
    said = dict(zip(*dataset.values(["id", "ground_truth.label"]), strict=True))
    assert labels == {(key, "fiftyone"): (name, Trust.GIVEN) for key, name in said.items()}
    revision = graph.get_dataset(name).revision
    again = vf.push(dataset, graph, embed)
    assert again == vf.Pushed(name, 0, 0, 0, 0, 0, ())
    assert graph.get_dataset(name).revision == revision


def test_a_push_sends_what_is_new_changed_or_gone(dataset, graph, embed, pushed, tmp_path, images, name):
    changed, gone, relabelled, unlabelled = dataset.take(4, seed=1)
    copy = tmp_path / "changed.png"
    shutil.copyfile(images[-1][0], copy)
    changed["filepath"] = str(copy)
    relabelled["ground_truth"] = fo.Classification(label="Scarf")
    unlabelled["ground_truth"] = None
    for one in (changed, relabelled, unlabelled):
        one.save()
    dataset.delete_samples([gone])
    new = fo.Sample(filepath=str(images[0][0]), ground_truth=fo.Classification(label="Scarf"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    dataset.add_samples(
        [new, fo.Sample(filepath=str(broken)), fo.Sample(filepath=str(tmp_path / "none.png"))]
    )

    again = vf.push(dataset, graph, embed)
    assert (again.added, again.replaced, again.removed, again.stated, again.unlabelled) == (1, 1, 1, 2, 1)
    assert len(again.refused) == 2
    samples, labels = everything(graph, name)
    assert gone.id not in samples
    assert new.id in samples
    assert labels[new.id, "fiftyone"] == ("Scarf", Trust.GIVEN)
    assert (unlabelled.id, "fiftyone") not in labels
    assert graph.get_dataset(name).classes[-1] == "Scarf"


def test_a_view_is_pushed_alone_and_others_samples_are_left_alone(dataset, graph, embed):
    view = dataset[:40]
    pushed = vf.push(view, graph, embed, label_field="ground_truth")
    name = pushed.dataset
    assert pushed.added == 40
    digest = graph.get_dataset(name).encoder_digest
    vector = embed.embed([b_png(view)]).vectors
    graph.add_samples(name, ["holiday/7.jpg"], vector, encoder_digest=digest)
    assert vf.push(dataset[40:60], graph, embed).added == 20
    assert vf.push(dataset[:10], graph, embed) == vf.Pushed(name, 0, 0, 0, 0, 0, ())
    assert len(graph.list_samples(name).ids) == 61


def b_png(view):
    with open(view.first().filepath, "rb") as file:  # noqa: PTH123
        return file.read()


def test_another_dataset_does_not_take_the_place_of_this_one(dataset, graph, embed, pushed, images, name):
    other = fo.Dataset()
    other.add_sample(fo.Sample(filepath=str(images[0][0])))
    with pytest.raises(vf.FiftyOneError, match="another FiftyOne dataset"):
        vf.push(other, graph, embed, name=pushed.dataset, classes=["a", "b"])
    assert len(graph.list_samples(name).ids) == 510
    other.delete()


def test_what_does_not_fit_is_refused(dataset, graph, embed, name):
    with pytest.raises(vf.FiftyOneError, match="no field 'nowhere'"):
        vf.push(dataset, graph, embed, label_field="nowhere")
    with pytest.raises(vf.FiftyOneError, match="takes Classification"):
        vf.push(dataset, graph, embed, label_field="truth")
    with pytest.raises(vf.FiftyOneError, match="two classes"):
        vf.push(dataset, graph, embed)
    with pytest.raises(vf.FiftyOneError, match="no label field"):
        vf.sync_labels(dataset, graph)
    with pytest.raises(NotFound):
        vf.pull(dataset, graph)
    assert not [one for one in graph.list_datasets() if one.name == name]


def test_fields_say_what_vicinal_says(dataset, graph, pushed, planted, images, name):
    pulled = vf.pull(dataset, graph, count=30)
    assert (pulled.believed, pulled.ranked) == (510, 30)

    beliefs = graph.export_beliefs(name)
    classes = graph.get_dataset(name).classes
    expected = {
        sample: (classes[index], pytest.approx(sure, abs=6e-4))
        for sample, index, sure in zip(
            beliefs.sample_ids, beliefs.classes, beliefs.confidences.tolist(), strict=True
        )
    }
    columns = dataset.values(["id", "vicinal_belief.label", "vicinal_belief.confidence"])
    assert {key: pair for key, *pair in zip(*columns, strict=True)} == {
        k: list(v) for k, v in expected.items()
    }

    following = dataset.load_saved_view("vicinal: next to label")
    assert following.values("id") == [pick.sample_id for pick in graph.suggest(name, 30)]
    assert following.values("vicinal_rank") == list(range(1, 31))

    wrong = {sample for place, sample in enumerate(dataset.values("id")) if place in planted}
    suspects = dataset.load_saved_view("vicinal: suspected errors")
    found = wrong & set(suspects.values("id"))
    assert len(found) >= 0.7 * len(wrong)
    assert suspects.values("vicinal_suspicion") == sorted(suspects.values("vicinal_suspicion"), reverse=True)
    right = suspects.select(sorted(found)).match(F("vicinal_suggested.label") == F("truth"))
    assert len(right) >= 0.7 * len(found)

    paths = dict(zip(*dataset.values(["id", "filepath"]), strict=True))
    repeats = dataset.load_saved_view("vicinal: near duplicates")
    pairs = {
        paths[sample]: {paths[one] for one in near}
        for sample, near in zip(*repeats.values(["id", "vicinal_near_duplicate"]), strict=True)
    }
    originals = [str(path) for path, _ in images[:500:100]]
    for number, original in enumerate(originals):
        copy = str(images[number * 100][0].with_name(f"copy-{number}.png"))
        assert original in pairs[copy]
    nears = [path for path, _ in images if path.name.startswith("near-")]
    assert all(str(path) in pairs for path in nears)

    doubted = {flag.label.sample_id for flag in graph.flag_errors(name, min_suspicion=0.95)}
    assert 0 < vf.pull(dataset, graph, min_suspicion=0.95).suspected < pulled.suspected
    assert set(dataset.load_saved_view("vicinal: suspected errors").values("id")) <= doubted


def test_labels_set_in_fiftyone_move_beliefs(dataset, graph, embed, name):
    vf.push(dataset, graph, embed, classes=dataset.distinct("truth"))
    before = vf.pull(dataset, graph, count=20)
    assert (before.believed, before.suspected) == (0, 0)
    assert dataset.count("vicinal_belief") == 0

    picks = dataset.load_saved_view("vicinal: next to label")
    chosen = set(picks.values("id"))
    for sample in picks:
        sample["seen"] = fo.Classification(label=sample["truth"])
        sample.save()
    synced = vf.sync_labels(dataset, graph, label_field="seen")
    assert (synced.stated, synced.removed) == (20, 0)
    _, labels = everything(graph, name)
    assert len(labels) == 20
    assert {trust for _, trust in labels.values()} == {Trust.VERIFIED}

    vf.pull(dataset, graph, count=20)
    assert dataset.count("vicinal_belief") == 510
    right = dataset.match(F("vicinal_belief.label") == F("truth"))
    assert len(right) > 0.5 * len(dataset)
    assert not chosen & set(dataset.exists("vicinal_rank").values("id"))
    assert dataset.count("vicinal_rank") == 20


def test_edits_confirmations_and_removals_are_followed(dataset, graph, pushed, name):
    edited, tagged, tagged_sample, emptied, outside = dataset.take(5, seed=3)
    edited["ground_truth"].label = "Bag" if edited["ground_truth"].label != "Bag" else "Coat"
    tagged["ground_truth"].tags.append("verified")
    tagged_sample.tags.append("verified")
    emptied["ground_truth"] = None
    outside["ground_truth"] = None
    for one in (edited, tagged, tagged_sample, emptied, outside):
        one.save()
    view = dataset.exclude([outside.id])
    _, before = everything(graph, name)
    assert vf.sync_labels(view, graph) == vf.Synced(name, 3, 1, 0)
    _, labels = everything(graph, name)
    changed = {key for key in before.keys() | labels.keys() if before.get(key) != labels.get(key)}
    assert {sample for sample, _ in changed} == {edited.id, tagged.id, tagged_sample.id, emptied.id}
    assert labels[edited.id, "fiftyone"] == (edited["ground_truth"].label, Trust.VERIFIED)
    assert labels[tagged.id, "fiftyone"][1] is Trust.VERIFIED
    assert (outside.id, "fiftyone") in labels
    assert vf.sync_labels(view, graph) == vf.Synced(name, 0, 0, 0)


def test_labels_of_others_are_left_alone(dataset, graph, pushed, name):
    first = dataset.first()
    graph.add_labels(name, {first.id: "Bag"}, annotator="eve")
    first["ground_truth"] = None
    first.save()
    assert vf.sync_labels(dataset, graph) == vf.Synced(name, 0, 1, 0)
    _, labels = everything(graph, name)
    assert [key for key in labels if key[0] == first.id] == [(first.id, "eve")]


def test_flags_are_accepted_or_kept(dataset, graph, pushed, name):
    vf.pull(dataset, graph)
    suspects = dataset.load_saved_view("vicinal: suspected errors").values("id")
    accepted, kept = dataset.select(suspects[:5]), dataset.select(suspects[5:7])
    wanted = dict(zip(*accepted.values(["id", "vicinal_suggested.label"]), strict=True))
    assert (vf.accept_suggestions(accepted), vf.keep_labels(kept)) == (5, 2)
    assert dict(zip(*accepted.values(["id", "ground_truth.label"]), strict=True)) == wanted
    assert vf.sync_labels(dataset, graph) == vf.Synced(name, 7, 0, 0)
    vf.pull(dataset, graph)
    assert not set(suspects[:7]) & set(dataset.load_saved_view("vicinal: suspected errors").values("id"))


def test_a_killed_service_loses_and_doubles_nothing(dataset, graph, graph_service, embed, name):
    def trip(done, _total):
        if done == 320:  # parts are written as they fill: some are there, some are not
            graph_service.kill()
            graph_service.start()

    pushed = vf.push(dataset, graph, embed, label_field="ground_truth", progress=trip)
    assert (pushed.added, pushed.stated) == (510, 510)
    before = everything(graph, name)
    for sample in dataset.take(20, seed=5):
        sample["ground_truth"].label = sample["truth"]
        sample["ground_truth"].tags.append("verified")
        sample.save()
    graph_service.kill()
    graph_service.start()
    assert vf.sync_labels(dataset, graph).stated == 20
    graph_service.kill()
    graph_service.start()
    assert vf.sync_labels(dataset, graph).stated == 0
    assert vf.push(dataset, graph, embed) == vf.Pushed(name, 0, 0, 0, 0, 0, ())
    samples, labels = everything(graph, name)
    assert samples == before[0]
    assert sum(trust is Trust.VERIFIED for _, trust in labels.values()) == 20
    assert len(labels) == 510
    assert vf.pull(dataset, graph).believed == 510
