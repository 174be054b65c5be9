"""Images in, labels out: both services, each kind of store, the SDK."""

import itertools

import numpy as np
import pytest

from vicinal_cli.demo.sample import unpack
from vicinal_client import Label, LabelKey, Method, NotFound, Reason, Strategy, Trust

PER_CLASS = 30


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Real images: 30 of each class of the project's own sample, by id."""
    folder = tmp_path_factory.mktemp("images")
    unpack(folder)
    return {
        f"{kind.name}/{path.name}": path
        for kind in sorted(folder.iterdir())
        for path in sorted(kind.iterdir())[:PER_CLASS]
    }


def test_images_in_labels_out(graph, graph_service, embed, images):
    ids, truth = list(images), np.array([name.split("/")[0] for name in images])
    classes = sorted(set(truth))
    model = embed.model()
    embedded = {item.key: item for item in embed.embed_many(images.items())}
    vectors = np.stack([embedded[name].vector for name in ids])

    graph.create_dataset("d", dimension=model.dimension, classes=classes, encoder_digest=model.encoder_digest)
    hashes = [embedded[name].content_sha256 for name in ids]
    revision = graph.add_samples(
        "d", ids, vectors, encoder_digest=model.encoder_digest, content_sha256=hashes
    )
    assert graph.get_dataset("d").sample_count == len(ids)

    # Label what is suggested; the truth is the folder.
    labelled: list[str] = []
    for _ in range(5):
        picks = [pick.sample_id for pick in graph.suggest("d", 10)]
        assert not set(picks) & set(labelled)
        labelled += picks
        revision = graph.add_labels("d", {name: name.split("/")[0] for name in picks})
    spread = graph.propagate("d", include_beliefs=True)
    assert spread.revision >= revision
    assert spread.labelled_count == 50
    beliefs = graph.export_beliefs("d", include_beliefs=True)
    assert list(beliefs.sample_ids) == ids
    named = np.array([classes[i] if i >= 0 else "" for i in beliefs.classes])
    others = ~np.isin(ids, labelled)
    assert (named == truth)[others].mean() > 0.5
    assert (named == truth)[~others].all()
    np.testing.assert_array_equal(spread.classes, beliefs.classes)

    # A plainly wrong label is flagged, with neighbours that speak against it.
    wrong = ids[int(np.flatnonzero(others & (named == truth) & (beliefs.confidences > 0.9))[0])]
    false = next(name for name in classes if name != wrong.split("/")[0])
    graph.add_labels("d", [Label(wrong, false, "careless", Trust.GIVEN)])
    flags = {(flag.label.sample_id, flag.label.annotator): flag for flag in graph.flag_errors("d")}
    flag = flags[wrong, "careless"]
    assert flag.suspicion > 0.5
    assert flag.suggested_class == wrong.split("/")[0]
    assert flag.evidence[0].class_name != false

    # Vectors outside the graph, and the same state after a restart.
    voted = graph.classify("d", vectors[:40], encoder_digest=model.encoder_digest)
    assert (voted.classes == beliefs.classes[:40]).mean() > 0.7
    before = graph.export_beliefs("d", include_beliefs=True)
    assert graph_service.stop() == 0
    graph_service.start()
    graph.wait_until_ready()
    after = graph.export_beliefs("d", include_beliefs=True)
    assert list(after.sample_ids) == ids
    np.testing.assert_allclose(after.beliefs, before.beliefs, atol=1e-5)

    # Everything can be taken back.
    graph.remove_labels("d", [LabelKey(wrong, "careless")])
    assert (wrong, "careless") not in {(f.label.sample_id, f.label.annotator) for f in graph.flag_errors("d")}
    graph.remove_samples("d", ids[:10])
    assert list(graph.export_beliefs("d").sample_ids) == ids[10:]
    graph.delete_dataset("d")
    with pytest.raises(NotFound):
        graph.get_dataset("d")


def test_every_strategy_and_method(graph, clusters):
    ids, vectors, truth = clusters
    for strategy, method in itertools.product(Strategy, Method):
        name = f"{strategy.value}-{method.value}"
        graph.create_dataset(name, dimension=16, classes=["a", "b", "c"], method=method, neighbours=8)
        graph.add_samples(name, ids, vectors)
        for _ in range(4):
            picks = [pick.sample_id for pick in graph.suggest(name, 3, strategy=strategy, seed=3)]
            assert picks == [pick.sample_id for pick in graph.suggest(name, 3, strategy=strategy, seed=3)]
            graph.add_labels(name, {pick: "abc"[int(pick[1:]) % 3] for pick in picks})
        right = (graph.export_beliefs(name).classes == truth).mean()
        assert right > (0.9 if strategy in (Strategy.COVERAGE, Strategy.AUTO) else 0.4), name
    assert [dataset.name for dataset in graph.list_datasets()] == sorted(
        f"{strategy.value}-{method.value}" for strategy, method in itertools.product(Strategy, Method)
    )


def test_an_audit_says_when_to_stop(graph, clusters):
    ids, vectors, _ = clusters
    graph.create_dataset("d", dimension=16, classes=["a", "b", "c"])
    graph.add_samples("d", ids, vectors)
    assert graph.estimate_accuracy("d").accuracy is None
    for _ in range(6):
        picks = graph.suggest("d", 10, audit_share=0.5)
        assert [pick.reason for pick in picks].count(Reason.AUDIT) == 5
        assert sum(pick.represents for pick in picks) <= len(ids) + 10
        graph.add_labels("d", {pick.sample_id: "abc"[int(pick.sample_id[1:]) % 3] for pick in picks})
    found = graph.estimate_accuracy("d", target=0.8)
    assert found.audited_count >= 30
    assert found.target_reached
    assert found.accuracy.lower <= found.right_count / found.audited_count <= found.accuracy.upper
    next_audits = [pick.sample_id for pick in graph.suggest("d", 3, strategy=Strategy.AUDIT)]
    again = graph.suggest("d", 3, strategy=Strategy.AUDIT, seed=9, exclude=next_audits[:1])
    assert [pick.sample_id for pick in again][:2] == next_audits[1:]


def test_exact_duplicates_share_a_belief(graph, clusters):
    ids, vectors, _ = clusters
    graph.create_dataset("d", dimension=16, classes=["a", "b", "c"])
    graph.add_samples("d", ids, vectors)
    graph.add_samples("d", ["copy1", "copy2"], np.stack([vectors[0], vectors[0]]))
    dataset = graph.get_dataset("d")
    assert (dataset.sample_count, dataset.node_count) == (302, 300)
    graph.add_labels("d", {"copy2": "b"})
    beliefs = graph.export_beliefs("d")
    assert beliefs.classes[0] == beliefs.classes[300] == beliefs.classes[301] == 1
    suggested = {pick.sample_id for pick in graph.suggest("d", 300)}
    assert not suggested & {"s000", "copy1", "copy2"}


def test_unreached_is_a_state_of_its_own(graph):
    # Two isolated pairs; k = 1 keeps them apart.
    graph.create_dataset("d", dimension=2, classes=["a", "b"], neighbours=1, method=Method.SYMMETRIZED)
    graph.add_samples("d", ["a1", "a2", "b1", "b2"], np.array([[1, 0.01], [1, 0], [0, 1], [0.01, 1]]))
    graph.add_labels("d", {"a1": "a"})
    spread = graph.propagate("d")
    assert (spread.labelled_count, spread.reached_count, spread.unreached_count) == (1, 2, 2)
    beliefs = graph.export_beliefs("d", include_beliefs=True)
    assert beliefs.classes.tolist() == [0, 0, -1, -1]
    assert beliefs.beliefs[2:].sum() == 0
    assert graph.classify("d", np.array([[0.0, 1.0]]), neighbours=1).classes.tolist() == [-1]


def test_settings_can_change_and_classes_grow(graph, clusters):
    ids, vectors, _ = clusters
    graph.create_dataset("d", dimension=16, classes=["a", "b"])
    graph.add_samples("d", ids, vectors)
    graph.update_dataset("d", temperature=0.01, method=Method.PAPER, new_classes=["c"])
    dataset = graph.get_dataset("d")
    assert (dataset.temperature, dataset.method, dataset.steps) == (0.01, Method.PAPER, 20)
    assert dataset.classes == ("a", "b", "c")
    graph.add_labels("d", {"s002": "c"})
    assert 2 in graph.export_beliefs("d").classes
