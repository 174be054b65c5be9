"""vicinal → FiftyOne: beliefs, suggestions and flags as fields, and saved views of them."""

from __future__ import annotations

from dataclasses import dataclass

from vicinal_client import GraphClient
from vicinal_fiftyone.answers import ask
from vicinal_fiftyone.fields import save_views, write_fields
from vicinal_fiftyone.link import Collection, linked, remember

__all__ = ["Pulled", "pull"]


@dataclass(frozen=True)
class Pulled:
    """What a pull found in the whole dataset.

    Attributes:
        dataset: dataset of the graph service.
        revision: the revision that the beliefs belong to.
        believed: samples that have a belief.
        ranked: samples suggested.
        suspected: labels that look wrong and that nobody has confirmed.
        near_duplicates: samples that repeat an earlier one.
        outliers: samples far from all others.
    """

    dataset: str
    revision: int
    believed: int
    ranked: int
    suspected: int
    near_duplicates: int
    outliers: int


def pull(
    samples: Collection,
    graph: GraphClient,
    *,
    name: str | None = None,
    annotator: str | None = None,
    prefix: str | None = None,
    count: int = 100,
    audit_share: float = 0.0,
    min_suspicion: float | None = None,
) -> Pulled:
    """Write what vicinal knows into a FiftyOne dataset, or into a view of it.

    With the prefix "vicinal" the fields are

      - `vicinal_belief`: Classification with confidence, None where no label reaches the sample;
      - `vicinal_confidence`: the same confidence, 0 to 1, to filter and colour by;
      - `vicinal_suspicion`: probability that the sample's label is wrong, 0 to 1;
      - `vicinal_suggested`: Classification, the better class and the suspicion, where the label looks wrong
        and nobody has confirmed it;
      - `vicinal_rank`: place among the samples to label next, from 1;
      - `vicinal_near_duplicate`: ids of the earlier samples that the sample all but repeats;
      - `vicinal_outlier`: of samples far from all others, the share of samples that are less far;

    and the saved views "vicinal: next to label", "vicinal: suspected errors", "vicinal: near duplicates".
    All are written anew for all `samples`; a value that no longer holds becomes None.

    Args:
        samples: the dataset or view.
        graph: of the graph service.
        name: dataset of the graph service; None takes the one that was pushed to.
        annotator: whose labels are judged; None takes the one that was pushed.
        prefix: what the fields' names begin with; None takes the one used before, at first "vicinal".
        count: samples to suggest, cut to the service's limit; 0 suggests none.
        audit_share: share of them, 0 to 1, that is drawn at random, so that `estimate_accuracy` can say how
            many beliefs are right.
        min_suspicion: least probability that a label is wrong, 0 to 1, for a suggested class; None lets the
            service decide.

    Raises:
        FiftyOneError: a field of such a name is there and of another type.
        NotFound: UNKNOWN_DATASET, it was never pushed.
    """
    link = linked(samples, name=name, annotator=annotator, prefix=prefix)
    answers = ask(
        graph,
        link.name,
        link.annotator,
        count=count,
        audit_share=audit_share,
        min_suspicion=min_suspicion,
    )
    write_fields(samples, link, answers)
    save_views(samples, link)
    remember(samples, link)
    return Pulled(
        link.name,
        answers.revision,
        len(answers.beliefs),
        len(answers.ranks),
        len(answers.suggested),
        len(answers.near_duplicates),
        len(answers.outliers),
    )
