"""A queue that two people share from the command line, against a real service."""

import csv
import io
import re

import pytest

from vicinal_cli.commands.leases import seconds
from vicinal_cli.errors import CliError


@pytest.fixture(scope="module")
def queue():
    return "shared"


@pytest.fixture
def dataset(vicinal, pictures, queue):
    vicinal("add", pictures, "-d", queue)
    return queue


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_two_share_a_queue(vicinal, dataset, tmp_path):
    said = vicinal(
        "suggest", "-d", dataset, "-n", 5, "--lease-for", "ann", "--ttl", "30m", "-o", "ann.csv"
    ).stderr
    lease = re.search(r"lease (\w+) for ann: 5 samples, 0:(30:00|29:5\d) left", said)[1]
    ann = rows((tmp_path / "ann.csv").read_text())
    assert [row["annotator"] for row in ann] == ["ann"] * 5
    hers = {row["id"] for row in ann}
    bob = rows(vicinal("suggest", "-d", dataset, "-n", 5, "--lease-for", "bob").stdout)
    plain = rows(vicinal("suggest", "-d", dataset, "-n", 100).stdout)
    assert not hers & {row["id"] for row in bob}
    assert not hers & {row["id"] for row in plain}
    assert len(plain) == 80
    assert "annotator" not in plain[0]

    listed = rows(vicinal("leases", "-d", dataset).stdout)
    assert [(row["annotator"], row["samples"]) for row in listed] == [("ann", "5"), ("bob", "5")]
    assert listed[0]["id"] == lease
    assert len(rows(vicinal("leases", "-d", dataset, "--annotator", "bob").stdout)) == 1

    for row in ann[:3]:
        row["label"] = row["id"].split("/")[0]
    with (tmp_path / "ann.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ann[0])
        writer.writeheader()
        writer.writerows(ann)
    assert "stated 3 labels" in vicinal("label", "ann.csv", "-d", dataset).stderr
    said = vicinal("leases", "renew", lease, "-d", dataset, "--ttl", "2h").stderr
    assert re.search(rf"lease {lease} for ann: 2 samples, (2:00:00|1:59:5\d) left", said)
    assert "released what it held" in vicinal("leases", "release", lease, ann[3]["id"], "-d", dataset).stderr
    assert "released all" in vicinal("leases", "release", lease, "-d", dataset).stderr
    said = vicinal("leases", "release", lease, "-d", dataset, fails=True).stderr
    assert "UNKNOWN_LEASE" in said
    assert "vicinal leases" in said
    assert len(rows(vicinal("suggest", "-d", dataset, "-n", 100).stdout)) == 82


def test_help_says_how_samples_come_back(vicinal):
    said = " ".join(vicinal("leases", "--help").stdout.split())
    for words in ("--lease-for ANN", "when the lease expires", "leases release ID", "leases renew ID"):
        assert words in said


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("10m", 600), ("2h", 7200), ("45", 45), ("1.5m", 90)]
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "10 days", "-5m", "5m5s"])
def test_what_is_no_time(text):
    with pytest.raises(CliError, match="no time"):
        seconds(text)
