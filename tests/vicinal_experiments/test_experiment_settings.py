import pytest

from vicinal_client import Method
from vicinal_experiments.errors import ExperimentError
from vicinal_experiments.options import budgets_for
from vicinal_experiments.settings import DEFAULT, Setting, setting


def test_settings_by_name():
    assert setting("default") is DEFAULT
    assert setting("paper") == Setting("PAPER", Method.PAPER, 0.01)
    assert setting("paper@0.1") == Setting("PAPER, T = 0.1", Method.PAPER, 0.1)
    assert setting("pooled") == Setting("POOLED", Method.POOLED)
    for wrong in ("papers", "paper@hot", "default@0.1", ""):
        with pytest.raises(ExperimentError, match="names no method"):
            setting(wrong)


def test_budgets_leave_half_unlabelled():
    assert budgets_for(50_000) == (10, 20, 50, 100, 500, 1000, 5000)
    assert budgets_for(101) == (10, 20, 50)
    assert budgets_for(300, [7, 151, 150]) == (7, 150)
