"""A queue that two people share from the command line, against a real service."""

import csv
import io
import json
import re

import pytest

from vicinal_cli.commands.leases import seconds
from vicinal_cli.errors import CliError
from vicinal_client import GraphClient, LeaseTerms


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
    assert json.loads(listed[0]["sample_ids"]) == [row["id"] for row in ann]
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
    said = vicinal("leases", "release", lease, "nosuch", ann[0]["id"], "-d", dataset).stderr
    assert f"released 0 of 2 samples of lease {lease}; not in it: nosuch, {ann[0]['id']}" in said
    said = vicinal("leases", "release", lease, ann[3]["id"], "-d", dataset).stderr
    assert said == f"released 1 of 2 samples of lease {lease}\n"
    assert "released 1 of 1 sample" in vicinal("leases", "release", lease, "-d", dataset).stderr
    said = vicinal("leases", "release", lease, "-d", dataset, fails=True).stderr
    assert f"no live lease {lease}" in said
    assert "vicinal leases" in said
    assert len(rows(vicinal("suggest", "-d", dataset, "-n", 100).stdout)) == 82


@pytest.fixture
def named(vicinal, pictures, addresses):
    """Three leases of known names, of four samples each; and the client that made them."""
    vicinal("add", pictures, "-d", "named")
    with GraphClient(addresses["VICINAL_GRAPH"]) as client:
        for name in ("ann-batch-1", "ann-batch-12", "bob-batch-1"):
            client.suggest("named", 4, lease=LeaseTerms("", 600, request_id=name))
        yield client
        client.delete_dataset("named")


def test_a_lease_is_named_by_how_its_id_begins(vicinal, named):
    for given in ("bob-batch…", "bob...", "b"):
        assert "lease bob-batch-1:" in vicinal("leases", "renew", given, "-d", "named").stderr
    said = vicinal("leases", "release", "ann", "-d", "named", fails=True).stderr
    assert "2 leases begin with ann" in said
    assert "ann-batch-1, ann-batch-12" in said
    for given in ("carl", "…", ""):
        said = vicinal("leases", "release", given, "-d", "named", fails=True).stderr
        assert f"no live lease {given}" in said
    vicinal("leases", "release", "ann-batch-1", "-d", "named")  # whole, though another begins so
    assert [lease.id for lease in named.leases("named")] == ["ann-batch-12", "bob-batch-1"]


def test_a_table_is_brief_but_says_which(vicinal, named):
    said = " ".join(vicinal("leases", "-d", "named", "--format", "table").stdout.split())
    brief = ("ann-batch-1", "ann-batch-12", "bob-batc…")
    for name, lease in zip(brief, named.leases("named"), strict=True):
        samples = re.escape(", ".join((*lease.sample_ids[:3], "…")))
        assert re.search(rf" {name} 4 0:\d\d:\d\d {samples}", said), said


def test_help_says_how_samples_come_back(vicinal):
    said = " ".join(vicinal("leases", "--help").stdout.split())
    for words in ("--lease-for ANN", "when the lease expires", "leases release ID", "leases renew ID"):
        assert words in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("45", 45), ("1.5m", 90), ("24h", 86_400), ("1", 1)],
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["0.5s", "0", "25h", "86401"])
def test_what_no_lease_may_live(text):
    with pytest.raises(CliError, match="out of range") as caught:
        seconds(text)
    assert "1 s to 24 h" in caught.value.hint


@pytest.mark.parametrize("text", ["", "ten", "10 days", "-5m", "5m5s"])
def test_what_is_no_time(text):
    with pytest.raises(CliError, match="no time"):
        seconds(text)
