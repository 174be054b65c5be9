"""The noise channel, the rates and their intervals, on data made as the model has it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.flagging.channel import fit_channel
from graph_service.flagging.held_out import Opinions
from graph_service.flagging.noise import by_group, judge, noise_rate, transitions


def made(seed, n=4000, classes=4, rate=0.2, pair=False, spread=2.5):
    """Calibrated opinions, true classes drawn from them, labels wrong at a rate; their transition matrix."""
    rng = np.random.default_rng(seed)
    logits = spread * rng.normal(size=(n, classes))
    beliefs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (beliefs.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    matrix = np.full((classes, classes), rate / (classes - 1))
    if pair:
        matrix = rate * np.roll(np.eye(classes), 1, axis=1)
    np.fill_diagonal(matrix, 1 - rate)
    stated = (matrix[truth].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    logs = np.log(beliefs).astype(np.float32)
    ignorant = np.log(rng.dirichlet(np.ones(classes), n) + 1e-6).astype(np.float32)
    return Opinions(logs, ignorant, np.arange(n, dtype=np.int32), np.ones(n, bool)), truth, stated, matrix


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_the_transition_is_found(rate, pair):
    opinions, _, stated, matrix = made(1, rate=rate, pair=pair)
    channel = fit_channel(opinions, opinions.places, stated)
    np.testing.assert_allclose(channel.transition, matrix, atol=0.08)
    np.testing.assert_allclose(channel.transition.sum(axis=1), 1)
    posteriors = np.concatenate([rows for _, rows in channel.posteriors(stated)])
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
    found = transitions(judge(opinions, stated), 0.95)
    assert ((found.lower <= found.estimate) & (found.estimate <= found.upper)).all()
    np.testing.assert_allclose(found.estimate, matrix, atol=0.08)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_probabilities_are_calibrated(rate):
    opinions, truth, stated, _ = made(2, n=9000, rate=rate)
    judgement = judge(opinions, stated)
    wrong = truth != stated
    assert judgement.wrong.mean() == pytest.approx(wrong.mean(), abs=0.03)
    bins = np.minimum((judgement.wrong * 10).astype(int), 9)
    gaps = [
        abs(judgement.wrong[bins == b].mean() - wrong[bins == b].mean()) * (bins == b).mean()
        for b in set(bins)
    ]
    assert sum(gaps) < 0.05


def test_an_informative_critic_is_heard_and_an_ignorant_one_not():
    opinions, _, stated, _ = made(3)
    assert fit_channel(opinions, opinions.places, stated).share == 0
    swapped = Opinions(opinions.critic, opinions.beliefs, opinions.places, opinions.judged)
    assert fit_channel(swapped, swapped.places, stated).share == 0.75


def test_noise_that_grows_with_doubt_is_not_taken_for_doubt():
    opinions, truth, stated, _ = made(4, n=8000, rate=0.0)
    rng = np.random.default_rng(0)
    beliefs = np.exp(opinions.beliefs)
    # The label is drawn from the belief itself on half the samples, as by someone who sees what it sees.
    seen = (beliefs.cumsum(axis=1) > rng.random((len(beliefs), 1))).argmax(axis=1)
    stated = np.where(rng.random(len(truth)) < 0.5, seen, truth)
    both = Opinions(opinions.beliefs, opinions.beliefs, opinions.places, opinions.judged)
    judgement, wrong = judge(both, stated), (stated != truth).mean()
    rate = noise_rate(judgement, 0.95)
    assert rate.lower <= wrong <= rate.upper


def test_the_interval_covers():
    """Of 40 intervals of 90% that do not depend on one another some 36 hold the true share."""
    held = 0
    for seed in range(40):
        opinions, truth, stated, _ = made(seed, n=1200)
        found = noise_rate(judge(opinions, stated), 0.9)
        held += bool(found.lower <= (truth != stated).mean() <= found.upper)
        assert found.upper - found.lower < 0.2
    assert held >= 33


def test_annotators_are_told_apart_and_shrunk():
    opinions, truth, _, _ = made(5, rate=0.0)
    groups = np.arange(len(truth)) % 2
    groups[:3] = 2
    rng = np.random.default_rng(1)
    careless = (groups == 1) & (rng.random(len(truth)) < 0.4)
    stated = np.where(careless, (truth + rng.integers(1, 4, len(truth))) % 4, truth)
    judgement = judge(opinions, stated)
    found = by_group(judgement, groups, 4, 0.95)
    assert found.estimate[0] < 0.12
    assert found.estimate[1] > 0.3
    overall = judgement.wrong.mean()
    assert found.estimate[3] == pytest.approx(overall, abs=1e-3)
    assert found.upper[2] - found.lower[2] > 3 * (found.upper[1] - found.lower[1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), classes=st.integers(1, 5))
def test_any_labels_are_judged(seed, n, classes):
    rng = np.random.default_rng(seed)
    logs = np.log(rng.dirichlet(np.ones(classes), (2, n)) + 1e-6).astype(np.float32)
    opinions = Opinions(*logs, rng.integers(0, n, n).astype(np.int32), rng.random(n) < 0.8)
    stated = rng.integers(0, classes, n)
    judgement = judge(opinions, stated)
    assert ((judgement.wrong >= 0) & (judgement.wrong <= 1)).all()
    assert not judgement.wrong[~opinions.judged].any()
    judged = judgement.judged
    assert (judgement.rival[judged] != stated[judged]).all()
    if judged.any():
        # Each judged label is counted once, beside what it states.
        told = np.bincount(stated[judged], minlength=classes)
        np.testing.assert_allclose(judgement.counts.sum(axis=0), told, atol=1e-3)
        rate = noise_rate(judgement, 0.9)
        assert 0 <= rate.lower <= rate.estimate <= rate.upper <= 1
