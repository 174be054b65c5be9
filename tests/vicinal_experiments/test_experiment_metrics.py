import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, roc_auc_score

from vicinal_experiments.metrics import BINS, calibration_error, ranking, reliability


@pytest.fixture
def judged():
    random = np.random.default_rng(1)
    stated = random.random(2000)
    return stated, random.random(2000) < stated**2


def test_bins_are_those_of_scikit_learn(judged):
    observed, stated = calibration_curve(judged[1], judged[0], n_bins=BINS)
    bins = reliability(*judged)
    assert np.allclose([one.observed for one in bins], observed)
    assert np.allclose([one.stated for one in bins], stated)
    assert sum(one.share for one in bins) == pytest.approx(1)


def test_calibration_error_knows_the_right_from_the_wrong():
    sure = np.full(1000, 0.9)
    assert calibration_error(sure, np.arange(1000) % 10 > 0) == pytest.approx(0)
    assert calibration_error(sure, np.arange(1000) % 2 == 0) == pytest.approx(0.4)
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def test_ranking_against_scikit_learn(judged):
    stated, wrong = judged
    found = ranking(stated, stated > 0.5, wrong)
    assert found["AUROC"] == pytest.approx(roc_auc_score(wrong, stated))
    assert found["F1"] == pytest.approx(f1_score(wrong, stated > 0.5))
    assert ranking(wrong.astype(float), wrong, wrong) == {"AUROC": 1.0, "average precision": 1.0, "F1": 1.0}
