import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from vicinal_experiments.bench import UNLABELLED
from vicinal_experiments.neighbours import nearest
from vicinal_experiments.peers.choice import PEERS, flaggers, for_few_labels, for_noise
from vicinal_experiments.peers.cleaning import OutOfSample
from vicinal_experiments.peers.logistic import LinearProbe, strength

FEW = ("weighted k-NN", "logistic regression", "LabelSpreading", "Laplace learning", "Poisson learning")
NOISE = ("weighted k-NN", "LabelSpreading", "logistic regression", "cleanlab + logistic regression")


def by_name(peers):
    return {peer.name: peer for peer in peers}


@pytest.fixture(scope="module")
def few(blobs, blob_lists):
    return by_name(for_few_labels(4, blob_lists))


@pytest.fixture(scope="module")
def noise(blobs, blob_lists):
    return by_name(for_noise(4, blob_lists, OutOfSample(4)))


def labels_of(blobs, rows):
    labels = np.full(len(blobs), UNLABELLED, np.int32)
    labels[rows] = blobs.truth[rows]
    return labels


@pytest.mark.parametrize("name", FEW)
def test_few_labels_are_learned_from(few, blobs, name):
    rows = np.concatenate([np.flatnonzero(blobs.truth == i)[:5] for i in range(4)])
    scores = few[name].fit_predict(blobs.vectors, labels_of(blobs, rows), 0)
    assert scores.shape == (len(blobs), 4)
    assert scores.dtype == np.float32
    assert (scores.argmax(axis=1) == blobs.truth).mean() > 0.85


@pytest.mark.parametrize("name", FEW)
def test_classes_without_a_label_are_never_named(few, blobs, name):
    rows = np.flatnonzero(np.isin(blobs.truth, (1, 3)))[:12]
    scores = few[name].fit_predict(blobs.vectors, labels_of(blobs, rows), 0)
    assert set(scores.argmax(axis=1)) == {1, 3}


@pytest.mark.parametrize("name", FEW)
def test_one_class_alone(few, blobs, name):
    rows = np.flatnonzero(blobs.truth == 2)[:3]
    scores = few[name].fit_predict(blobs.vectors, labels_of(blobs, rows), 0)
    assert scores[rows].argmax(axis=1).tolist() == [2, 2, 2]


@pytest.mark.parametrize("name", NOISE)
def test_wrong_labels_are_overruled(noise, blobs, name):
    labels = blobs.noisy["human"]
    found = noise[name].fit_predict(blobs.vectors, labels, 0).argmax(axis=1)
    assert (found == blobs.truth).mean() > (labels == blobs.truth).mean() + 0.05


@pytest.mark.parametrize("name", ["weighted k-NN", "logistic regression", "cleanlab + logistic regression"])
def test_held_out_samples_do_not_change_the_others(noise, blobs, blob_lists, name):
    more = np.concatenate([blobs.vectors, blobs.vectors[:7]])
    padded = np.concatenate([blobs.noisy["human"], np.full(7, UNLABELLED, np.int32)])
    found = noise[name].fit_predict(more, padded, 0)
    assert np.allclose(
        found[:300], noise[name].fit_predict(blobs.vectors, blobs.noisy["human"], 0), atol=1e-4
    )
    assert (found[300:].argmax(axis=1) == blobs.truth[:7]).mean() > 0.7


def test_knn_votes_with_the_nearest_labelled(few, blobs):
    rows = np.arange(0, 300, 7)
    near = nearest(blobs.vectors, blobs.vectors[rows], 10)
    votes = np.zeros((300, 4))
    for i in range(300):
        for j, cosine in zip(near.ids[i], near.similarities[i], strict=True):
            votes[i, blobs.truth[rows[j]]] += np.exp(cosine / 0.1)
    found = few["weighted k-NN"].fit_predict(blobs.vectors, labels_of(blobs, rows), 0)
    assert np.allclose(found, votes / votes.sum(axis=1, keepdims=True), atol=1e-4)


def test_the_probe_in_the_span_is_the_probe(blobs):
    """Fewer labels than dimensions: the turned problem has the same solution."""
    rows = np.concatenate([np.flatnonzero(blobs.truth == i)[:4] for i in range(4)])
    found = LinearProbe(4).fit_predict(blobs.vectors, labels_of(blobs, rows), 0)
    chosen = strength(blobs.vectors[rows], blobs.truth[rows], 0)
    whole = LogisticRegression(C=chosen, max_iter=1000).fit(blobs.vectors[rows], blobs.truth[rows])
    assert np.allclose(found, whole.predict_proba(blobs.vectors), atol=5e-3)


def test_flags_find_wrong_labels(blobs, blob_lists):
    labels = blobs.noisy["human"]
    wrong = labels != blobs.truth
    for peer in flaggers(4, blob_lists, OutOfSample(4)):
        suspicion, called = peer.flag(blobs.vectors, labels, 0)
        assert called.dtype == np.bool_
        assert suspicion[wrong].mean() > suspicion[~wrong].mean() + 0.3
        assert called[wrong].mean() > 0.6
        assert called[~wrong].mean() < 0.1


def test_every_peer_has_its_place_in_tables(few, noise, blob_lists):
    names = {*few, *noise, *(peer.name for peer in flaggers(4, blob_lists, OutOfSample(4)))}
    assert names == set(PEERS)
