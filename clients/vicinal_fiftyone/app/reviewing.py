"""Operators on the selected samples, or on the one that is open."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from vicinal_fiftyone.app.services import graph_client, refresh, told
from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.link import linked
from vicinal_fiftyone.reviewing import accept_suggestions, keep_labels, label_samples

__all__ = ["Accept", "Keep", "LabelSelected"]


class LabelSelected(foo.Operator):
    """Label the selected samples."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="label_selected",
            label="vicinal: label the selected samples",
            risk_level=types.RiskLevel.MEDIUM,
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Ask for the class: one of the dataset's, in vicinal's order, or another."""
        inputs = types.Object()
        with graph_client() as graph:
            classes = graph.get_dataset(linked(ctx.dataset).name).classes
        choices = types.AutocompleteView()
        for name in classes:
            choices.add_choice(name, label=name)
        inputs.str("class", label="Class", required=True, view=choices)
        return types.Property(inputs, view=types.View(label=f"Label {len(_chosen(ctx))} samples"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Set the label field, as verified, and refresh."""
        samples = _chosen(ctx)
        return _done(ctx, samples, label_samples(samples, ctx.params["class"]), "labelled")


class Accept(foo.Operator):
    """Take the suggested class."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="accept",
            label="vicinal: accept the suggested class of the selected samples",
            risk_level=types.RiskLevel.MEDIUM,
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Correct the flagged ones among the samples and refresh."""
        samples = _chosen(ctx)
        return _done(ctx, samples, accept_suggestions(samples), "corrected")


class Keep(foo.Operator):
    """Confirm the label."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="keep",
            label="vicinal: keep the labels of the selected samples",
            risk_level=types.RiskLevel.MEDIUM,
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Tag the labels as verified and refresh."""
        samples = _chosen(ctx)
        return _done(ctx, samples, keep_labels(samples), "confirmed")


def _chosen(ctx: Any) -> fo.DatasetView:
    """Return the selected samples, or else the one that is open.

    Raises:
        FiftyOneError: there is none.
    """
    chosen = ctx.selected or ([ctx.current_sample] if ctx.current_sample else [])
    if not chosen:
        raise FiftyOneError("select some samples first")
    return ctx.dataset.select(chosen)


def _done(ctx: Any, samples: fo.DatasetView, count: int, what: str) -> dict[str, Any]:
    """Tell vicinal, write its fields anew and say what was done."""
    with graph_client() as graph:
        pulled = refresh(samples, graph)
    ctx.ops.clear_selected_samples()
    ctx.ops.reload_dataset()
    ctx.ops.notify(f"{count} samples {what}; {told(pulled)}")
    return {"count": count, "suspected": pulled.suspected}
