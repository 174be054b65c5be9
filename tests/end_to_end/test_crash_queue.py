"""A shared queue, kill -9 of the service and of annotators at random moments.

No sample is handed to two who hold it at the same time, all come back, and every label is there, once. What
the annotators were told stands in their journals. VICINAL_CRASH_ROUNDS sets the number of rounds (`make
test-crash`: 50).
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vicinal_client import GraphClient, LeaseTerms, Strategy

ROUNDS = int(os.environ.get("VICINAL_CRASH_ROUNDS", "4"))
ANNOTATORS = 16
SAMPLES = [f"s{i}" for i in range(2000)]
SECONDS = 8.0
"""For which a lease lives: longer than a restart takes."""
SHARE = min(0.75, 8 / ROUNDS)
"""How much of what they lease the annotators label, so that something is left to the last round."""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180 + 20 * ROUNDS)]


class Crew:
    """Sixteen annotators; each that is killed is replaced by another, who knows nothing of its leases."""

    def __init__(self, address, folder):
        self.address = address
        self.folder = folder
        self.hired = 0
        self.working: list[tuple[str, subprocess.Popen]] = []
        folder.mkdir()

    def hire(self, count):
        for _ in range(count):
            name = f"annotator{self.hired}"
            self.hired += 1
            script = Path(__file__).with_name("annotator.py")
            journal = self.folder / f"{name}.jsonl"
            command = [
                sys.executable,
                str(script),
                self.address,
                name,
                str(journal),
                str(SECONDS),
                str(SHARE),
            ]
            with (self.folder / f"{name}.err").open("wb") as said:
                self.working.append((name, subprocess.Popen(command, stderr=said)))

    def kill(self, count):
        for _ in range(count):
            name, process = self.working.pop(0)
            assert process.poll() is None, (self.folder / f"{name}.err").read_text()
            process.kill()
            process.wait()

    def let_work(self, entries):
        """Wait until so many more entries stand in the journals: to boot takes them a while."""
        patience, goal = time.monotonic() + 60, self.written() + entries
        while self.written() < goal:
            assert time.monotonic() < patience, "the annotators do not get on"
            time.sleep(0.01)

    def written(self):
        return sum(path.read_bytes().count(b"\n") for path in self.folder.glob("*.jsonl"))

    def journals(self):
        """Annotator → entries; a line that was cut off by the kill was not acted on."""
        found = {}
        for path in self.folder.glob("*.jsonl"):
            lines = path.read_text().splitlines(keepends=True)
            found[path.stem] = [json.loads(line) for line in lines if line.endswith("\n")]
        return found


@pytest.fixture
def crew(tmp_path):
    crews = []

    def make(address):
        crews.append(Crew(address, tmp_path / "crew"))
        return crews[-1]

    yield make
    for crew in crews:
        for _, process in crew.working:
            process.kill()
            process.wait()


def spans(entries):
    """Yield (sample, since, until, lease) for each time that one annotator held a sample."""
    holds, given = defaultdict(list), defaultdict(list)
    for entry in entries:
        if "lease" in entry:
            for sample in entry["holds"]:
                holds[entry["lease"], sample].append((entry["since"], entry["until"]))
        elif "gives" in entry:
            for sample in entry["samples"]:
                given[entry["gives"], sample].append(entry["when"])
    for (lease, sample), spells in holds.items():
        end = min(given[lease, sample], default=np.inf)
        # What came before a renewal counts up to it.
        for (since, until), (renewed, _) in pairwise([*spells, (np.inf, np.inf)]):
            yield sample, since, min(until, renewed, end), lease


def check_nothing_was_held_twice(journals):
    held = defaultdict(list)
    for entries in journals.values():
        for sample, since, until, lease in spans(entries):
            held[sample].append((since, until, lease))
    assert len(held) > 100, "the annotators did not get to work"
    for sample, spells in held.items():
        for (_, until, lease), (since, _, other) in pairwise(sorted(spells)):
            assert lease == other or until <= since, (sample, lease, other)


def check_labels(journals, client):
    told = {(e["labelled"], who) for who, entries in journals.items() for e in entries if "labelled" in e}
    tried = {(e["tries"], who) for who, entries in journals.items() for e in entries if "tries" in e}
    there = [(label.sample_id, label.annotator) for label in client.list_labels("d").labels]
    assert len(there) == len(set(there))
    assert told <= set(there) <= tried
    labelled_at = {
        e["labelled"]: e["revision"] for entries in journals.values() for e in entries if "labelled" in e
    }
    for entries in journals.values():
        for entry in entries:
            late = [sample for sample in entry.get("holds", ()) if sample in labelled_at]
            assert all(entry["revision"] < labelled_at[sample] for sample in late)
    return {sample for sample, _ in there}


def check_all_come_back(client, labelled):
    """Once everything has expired, what nobody labelled is handed out again, all of it."""
    patience = time.monotonic() + 30  # what a dead annotator asked for may be leased a little later
    while client.leases("d"):
        assert time.monotonic() < patience, "a lease does not expire"
        time.sleep(0.1)
    back: list[str] = []
    while True:
        found = client.suggest(
            "d", 1000, strategy=Strategy.RANDOM, lease=LeaseTerms("last", 60, f"last {len(back)}")
        )
        if found.lease is None:
            break
        back += found.lease.sample_ids
    assert len(back) == len(set(back))
    assert set(back) == set(SAMPLES) - labelled


def test_kill_the_service_and_annotators(start_service, tmp_path, patient, crew):
    service = start_service("graph_service", "--data-dir", str(tmp_path / "data"))
    vectors = np.random.default_rng(3).normal(size=(len(SAMPLES), 8)).astype(np.float32)
    with GraphClient(service.address, timeout=120, retry=patient) as client:
        client.create_dataset("d", dimension=8, classes=["a", "b", "c"], neighbours=5)
        client.add_samples("d", SAMPLES, vectors)
        annotators = crew(service.address)
        annotators.hire(ANNOTATORS)
        moments = random.Random(7)
        for _ in range(ROUNDS):
            annotators.let_work(moments.randint(20, 200))
            fired = moments.randint(0, 4)
            annotators.kill(fired)
            if moments.random() < 0.8:
                service.kill()
                service.start()
            annotators.hire(fired)
        annotators.let_work(200)
        annotators.kill(ANNOTATORS)
        journals = annotators.journals()
        check_nothing_was_held_twice(journals)
        check_all_come_back(client, check_labels(journals, client))
