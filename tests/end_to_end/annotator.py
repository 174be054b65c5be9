"""One annotator as a process of its own, to be killed: leases, labels, renews, gives back or walks away.

`python annotator.py ADDRESS NAME JOURNAL SECONDS SHARE`: how long it leases, what share of that it labels.
What it was told and what it is about to do goes into the journal, a JSON object a line, before it goes on:
what it did not live to write down it did not live to use.
"""

import json
import random
import sys
import time
from pathlib import Path

from vicinal_client import GraphClient, Lease, LeaseTerms, NotFound, RetryPolicy

CLASSES = ["a", "b", "c"]
PATIENT = RetryPolicy(attempts=2000, initial_backoff=0.05, max_backoff=0.3)


class Annotator:
    def __init__(self, client, name, journal, seconds, share):
        self.client = client
        self.name = name
        self.journal = journal
        self.seconds = seconds
        self.share = share
        self.chance = random.Random(name)

    def tell(self, **entry):
        self.journal.write(json.dumps(entry) + "\n")
        self.journal.flush()

    def holds(self, lease: Lease):
        until = round(lease.expires.timestamp() * 1000)
        since = until - round(self.seconds * 1000)
        self.tell(lease=lease.id, holds=lease.sample_ids, since=since, until=until, revision=lease.revision)

    def take_turn(self, turn):
        terms = LeaseTerms(self.name, self.seconds, f"{self.name} takes {turn}")
        lease = self.client.suggest("d", self.chance.randint(1, 12), lease=terms).lease
        if lease is None:
            time.sleep(0.2)
            return
        self.holds(lease)
        for sample in lease.sample_ids:
            mood = self.chance.random()
            if mood < 0.02:
                time.sleep(self.seconds * 0.7)
            elif mood < 0.1:
                return  # and leaves the rest to expire
            elif mood < 0.2:
                self.holds(self.client.renew_lease("d", lease, seconds=self.seconds))
            elif mood < 0.25:
                self.give_back(lease, [sample])
            elif mood < 0.25 + self.share:
                self.label(sample)
        self.give_back(lease, [])

    def label(self, sample):
        self.tell(tries=sample)
        labels = {sample: CLASSES[int(sample[1:]) % 3]}
        self.tell(labelled=sample, revision=self.client.add_labels("d", labels, annotator=self.name))

    def give_back(self, lease, samples):
        self.tell(gives=lease.id, samples=samples or lease.sample_ids, when=time.time_ns() // 1_000_000)
        self.client.release_lease("d", lease, samples)


def main(address, name, journal, seconds, share):
    with (
        GraphClient(address, timeout=120, retry=PATIENT) as client,
        Path(journal).open("a", encoding="utf-8") as file,
    ):
        annotator = Annotator(client, name, file, float(seconds), float(share))
        turn = 0
        while True:
            try:
                annotator.take_turn(turn)
            except NotFound as over:
                if over.reason != "UNKNOWN_LEASE":
                    raise
            turn += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
