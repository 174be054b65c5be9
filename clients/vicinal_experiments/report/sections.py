"""What the page and the Markdown tables tell of each experiment: which panels, and under which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vicinal_experiments.experiments import flags, iterations, knn, label_noise, labels
from vicinal_experiments.report.series import Panel, levels_of, panel, settings_of
from vicinal_experiments.results.table import Row
from vicinal_experiments.settings import DEFAULT

__all__ = ["SECTIONS", "Section", "View", "views"]


@dataclass(frozen=True)
class Section:
    """How one experiment is told.

    Attributes:
        experiment: its name.
        title: of its part of the page.
        text: what its figures show.
        x: what its levels are.
        metrics: those that are told, in order.
        log: whether the levels' axis is logarithmic.
        is_curve: whether it has many levels; else one a setting.
        without_figure: those of the metrics whose table says it all.
    """

    experiment: str
    title: str
    text: str
    x: str
    metrics: Sequence[str]
    log: bool = False
    is_curve: bool = True
    without_figure: Sequence[str] = ()


SECTIONS = (
    Section(
        knn.EXPERIMENT,
        "k-NN accuracy of the embeddings",
        "How often the weighted vote of the k nearest samples, all of their classes known, names a sample's "
        "class: each sample left out in turn, and samples that were never in the graph.",
        "k",
        ("accuracy",),
    ),
    Section(
        labels.EXPERIMENT,
        "Accuracy against the number of labels",
        "The share of the samples without a label whose class is right (the paper's Figure 1), with labels "
        "drawn at random and with those that the service suggests; of samples outside the graph; and of the "
        "vote of the labelled samples alone, the unlabelled ones taken away.",
        "labels",
        ("accuracy", "held-out accuracy", "ECE"),
        log=True,
    ),
    Section(
        label_noise.EXPERIMENT,
        "Accuracy under label noise",
        "Every sample has a label, a part of them wrong, and none is verified: the share of samples whose "
        "class is right afterwards (the paper's Figure 2).",
        "share of wrong labels",
        ("accuracy", "held-out accuracy", "ECE"),
        is_curve=False,
    ),
    Section(
        iterations.EXPERIMENT,
        "Noise left, iteration by iteration",
        "The share of wrong pseudo labels after t steps of the paper's eq. 3, beginning with the labels as "
        "they are (its Figure 3).",
        "t",
        ("wrong",),
    ),
    Section(
        flags.EXPERIMENT,
        "Wrong labels found",
        "How well the suspicion of a label ranks those that are wrong (area under the ROC curve, average "
        "precision), and F1 of what is called wrong at each method's own cut.",
        "share of wrong labels",
        (
            "AUROC",
            "average precision",
            "F1",
            "flagged",
            "wrong labels",
            "estimated wrong labels",
            "ECE of P(wrong)",
        ),
        is_curve=False,
        without_figure=("flagged", "wrong labels", "estimated wrong labels"),
    ),
)


@dataclass(frozen=True)
class View:
    """One metric of one experiment.

    Attributes:
        metric: its name.
        panels: setting → its panel, none of them empty.
    """

    metric: str
    panels: dict[str, Panel]


def views(rows: Sequence[Row], section: Section) -> list[View]:
    """Return what there is to tell of a section, metric by metric."""
    found = []
    for metric in section.metrics:
        panels = {
            setting: panel(rows, section.experiment, setting, metric)
            for setting in settings_of(rows, section.experiment)
        }
        if section.experiment == labels.EXPERIMENT:
            _add_control(panels)
        panels = {setting: one for setting, one in panels.items() if one.cells}
        if panels:
            found.append(View(metric, panels))
    return found


def _add_control(panels: dict[str, Panel]) -> None:
    """Show the default method's random labels beside the suggested ones."""
    suggested, random = panels.get(labels.SUGGESTED), panels.get(labels.RANDOM)
    if suggested and random and DEFAULT.name in random.cells:
        levels = set(levels_of(suggested))
        control = {at: mean for at, mean in random.cells[DEFAULT.name].items() if at in levels}
        if control:
            suggested.cells["random"] = control
