"""What the command line says of suggestions and of the audit."""

import pytest

from vicinal_cli.commands.suggesting import verdict, why
from vicinal_client import Accuracy, Interval, Reason, Suggestion

CLASSES = ("cat", "dog")


@pytest.mark.parametrize(
    ("reason", "believed", "rival", "represents", "words"),
    [
        (Reason.COVERAGE, -1, -1, 1312, "stands for 1,312 samples like it that nobody labelled"),
        (Reason.COVERAGE, 0, 1, 1, "stands for 1 sample like it that nobody labelled"),
        (Reason.UNCERTAIN, 0, 1, 9, "cat or dog?"),
        (Reason.UNCERTAIN, 0, -1, 9, "perhaps cat"),
        (Reason.UNCERTAIN, -1, -1, 9, "no label reaches it"),
        (Reason.AUDIT, 0, 1, 9, "audit: drawn at random"),
        (Reason.RANDOM, 0, 1, 9, "drawn at random"),
    ],
)
def test_why(reason, believed, rival, represents, words):
    assert why(Suggestion("s", 1.0, believed, 0.5, reason, represents, rival), CLASSES) == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Accuracy(1, 0, 0, None, False, 73), "no audited sample yet; with 73, all right, 95.0%"),
        (Accuracy(1, 90, 89, Interval(0.99, 0.96, 1), True, 0), "is reached, labelling may stop"),
        (Accuracy(1, 90, 60, Interval(0.67, 0.6, 0.7), False, None), "below the target of 95.0%"),
        (Accuracy(1, 90, 87, Interval(0.97, 0.9, 1), False, 40), "40 more audited samples"),
    ],
)
def test_verdict(found, words):
    assert words in verdict(found, 0.95)
