"""The move itself. Interrupted anywhere, it goes on where it stopped when it is called again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from vicinal_cli.console import note, warn_of
from vicinal_cli.errors import CliError
from vicinal_cli.reembedding.sources import Source, rows_of
from vicinal_client import Dataset, FailedPrecondition, GraphClient, NotFound, Progress, Samples

__all__ = ["Move", "Moved"]

_PASSES = 20
"""How often to look for samples that arrived meanwhile."""

Problems = list[tuple[str, str]]


@dataclass(frozen=True)
class Moved:
    """What came of it.

    Attributes:
        dataset: the dataset as it is now.
        staged: vectors that this call brought.
    """

    dataset: Dataset
    staged: int


@dataclass
class Move:
    """One dataset on its way to another encoder.

    The dataset works on with its old vectors until the last step, and labels never move: whatever is labelled
    meanwhile is there afterwards.

    Attributes:
        client: of the graph service.
        dataset: its name.
        source: where the new vectors come from.
        drop_missing: remove the samples that can have no vector, with their labels, instead of refusing;
            among them are those whose image is another one, unless they are accepted.
        accept_changed: take an image for a sample that was added with another one.
    """

    client: GraphClient
    dataset: str
    source: Source
    drop_missing: bool = False
    accept_changed: bool = False
    _staged: int = 0

    def run(self, progress: Progress) -> Moved:
        """Stage what is not staged yet, and change over.

        Raises:
            CliError: a sample has no image or vector; the dataset is as it was, and what was staged waits.
            NotFound: UNKNOWN_DATASET.
        """
        for _ in range(_PASSES):
            dataset = self.client.get_dataset(self.dataset)
            if dataset.encoder_digest == self.source.encoder_digest:
                return Moved(dataset, self._staged)
            _check(dataset, self.source.encoder_digest)
            with suppress(_Overtaken):
                self._drop(self._stage(dataset, progress))
                with _noticed():
                    self.client.change_encoder(self.dataset, self.source.encoder_digest)
        raise CliError(
            f"samples keep coming to the dataset {self.dataset!r}, so that it cannot be completed",
            "pause what adds them and run the command again; what is staged so far is kept.",
        )

    def _stage(self, dataset: Dataset, progress: Progress) -> Problems:
        """Stage vectors for all samples without one; return the samples that can have none."""
        todo = self.client.list_samples(self.dataset, unstaged_only=True)
        there = self.source.ids()
        ready = [name for name in todo.ids if name in there]
        problems = [
            (name, "there is no image or vector of that id") for name in todo.ids if name not in there
        ]
        self._refuse_unless_dropping(problems)
        done = dataset.sample_count - len(todo.ids)
        self.source.refused.clear()
        changed = self._stage_all(todo, ready, lambda now, of: progress(done + now, done + of))
        later = [*self.source.refused, *changed]
        if not self._staged and not dataset.staged_count:
            raise CliError(
                f"none of the {dataset.sample_count} samples of {self.dataset!r} has a new vector",
                "ids are paths below the folder that was added: give the same folder.",
            )
        self._refuse_unless_dropping(later)
        return problems + later

    def _stage_all(self, todo: Samples, ready: Sequence[str], progress: Progress) -> Problems:
        """Stage the vectors of `ready`; return those whose image is another than the sample's."""
        known = dict(zip(todo.ids, todo.content_sha256, strict=True))
        changed: Problems = []
        for part in self.source.parts(ready, progress) if ready else ():
            hashes = part.content_sha256 or [b""] * len(part.ids)
            same = [
                i
                for i, name in enumerate(part.ids)
                if self.accept_changed or not known[name] or hashes[i] in (b"", known[name])
            ]
            taken = rows_of(part, same)
            names = set(taken.ids)
            changed += [
                (name, "is another image than the one added") for name in part.ids if name not in names
            ]
            if taken.ids:
                with _noticed():
                    self.client.stage_vectors(
                        self.dataset,
                        taken.ids,
                        taken.vectors,
                        encoder_digest=self.source.encoder_digest,
                        content_sha256=taken.content_sha256,
                    )
            self._staged += len(taken.ids)
        return changed

    def _refuse_unless_dropping(self, problems: Problems) -> None:
        if problems and not self.drop_missing:
            warn_of(problems, "samples can have no new vector")
            raise CliError(
                f"the dataset {self.dataset!r} stays as it is; what is staged so far waits",
                "run the command again with one folder that holds every image under the path it was added "
                "by, or drop these samples and their labels with --drop-missing "
                "(changed images: --accept-changed).",
            )

    def _drop(self, problems: Problems) -> None:
        if not problems:
            return
        names = [name for name, _ in problems]
        leaving = set(names)
        labels = [one for one in self.client.list_labels(self.dataset).labels if one.sample_id in leaving]
        warn_of(problems, "samples can have no new vector, and are dropped")
        with _noticed():
            self.client.remove_samples(self.dataset, names)
        note(f"dropped {len(names)} samples, and the {len(labels)} labels they held")


class _Overtaken(Exception):
    """Samples came or left since they were listed, or another run of the command was faster."""


@contextmanager
def _noticed() -> Iterator[None]:
    """Raise _Overtaken for the refusals that another look at the dataset answers."""
    try:
        yield
    except (FailedPrecondition, NotFound) as error:
        if error.reason in ("VECTORS_MISSING", "UNKNOWN_SAMPLE", "ENCODER_MISMATCH"):
            raise _Overtaken from error
        raise


def _check(dataset: Dataset, encoder_digest: str) -> None:
    """Refuse a dataset with nothing to move, or on its way to another encoder."""
    if not dataset.sample_count:
        raise CliError(
            f"the dataset {dataset.name!r} holds no sample yet",
            "there is nothing to move: add to another --dataset with the new encoder.",
        )
    if dataset.staged_encoder_digest not in ("", encoder_digest):
        raise CliError(
            f"in the dataset {dataset.name!r} wait {dataset.staged_count} vectors of the encoder "
            f"{dataset.staged_encoder_digest[:12]}…, from a move that was not completed",
            f"complete it with --encoder-digest {dataset.staged_encoder_digest}, or forget them with "
            "--start-over.",
        )
