"""The dataset that samples go to: found or made, and known to fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vicinal_cli.errors import CliError
from vicinal_client import Dataset, GraphClient, Label, NotFound

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """The dataset that samples go to, as the caller wants it.

    Attributes:
        name: its name.
        classes: classes it must have; empty takes those that the labels or the folders name.
        fallback: classes of a new dataset when none are wanted.
        neighbours: k of a new dataset; None takes the service's default.
    """

    name: str
    classes: Sequence[str] = ()
    fallback: Sequence[str] = ()
    neighbours: int | None = None

    def opened(
        self, client: GraphClient, dimension: int, encoder_digest: str, labels: Sequence[Label]
    ) -> tuple[Dataset, bool]:
        """Return the dataset, and whether it was made now. One that exists gets the classes it lacks.

        Args:
            client: of the graph service.
            dimension: length of the vectors that will be added.
            encoder_digest: encoder that made them, or empty.
            labels: labels that will be stated.

        Raises:
            CliError: it exists and does not fit, or it is new and its classes are not known. Nothing was
                written.
        """
        try:
            dataset = client.get_dataset(self.name)
        except NotFound:
            _check_classes(self.name, self.classes or self.fallback, labels)
            return self._created(client, dimension, encoder_digest), True
        self._check(dataset, dimension, encoder_digest)
        new = [name for name in self.classes if name not in dataset.classes]
        _check_classes(self.name, [*dataset.classes, *new], labels)
        if new:
            client.update_dataset(self.name, new_classes=new)
            dataset = client.get_dataset(self.name)
        return dataset, False

    def _created(self, client: GraphClient, dimension: int, encoder_digest: str) -> Dataset:
        classes = self.classes or self.fallback
        if len(classes) < 2:
            found = f"only {classes[0]!r} is" if classes else "none are"
            raise CliError(
                f"the dataset {self.name!r} is new and needs at least two classes; {found} known",
                "name them: --classes cat,dog (or a text file with one a line)",
            )
        return client.create_dataset(
            self.name,
            dimension=dimension,
            classes=classes,
            encoder_digest=encoder_digest,
            neighbours=self.neighbours,
        )

    def _check(self, dataset: Dataset, dimension: int, encoder_digest: str) -> None:
        if dataset.encoder_digest != encoder_digest:
            raise CliError(
                f"the dataset {self.name!r} holds vectors of {_encoder(dataset.encoder_digest)}, "
                f"and these are of {_encoder(encoder_digest)}",
                "vectors of two encoders cannot be compared: use that encoder (`vicinal encoders load` loads "
                "it again; --encoder-digest says which one made a file's vectors), move the dataset over "
                "with `vicinal re-embed`, or use another --dataset",
            )
        if dataset.dimension != dimension:
            raise CliError(
                f"the dataset {self.name!r} holds vectors of {dataset.dimension} numbers, not of {dimension}"
            )
        if self.neighbours not in (None, dataset.neighbours):
            raise CliError(
                f"the dataset {self.name!r} has {dataset.neighbours} neighbours a sample for good",
                "leave --neighbours out, or use another --dataset",
            )


def _check_classes(dataset: str, classes: Sequence[str], labels: Iterable[Label]) -> None:
    unknown = sorted({label.class_name for label in labels} - set(classes))
    if unknown:
        raise CliError(
            f"the dataset {dataset!r} has no class {unknown[0]!r} (classes: {', '.join(classes)})",
            "append it with --classes, or correct the label",
        )


def _encoder(digest: str) -> str:
    return f"the encoder {digest[:12]}…" if digest else "an encoder that nobody named"
