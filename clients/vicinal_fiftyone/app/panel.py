"""The panel: how the dataset stands, and buttons for what is to be done."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from vicinal_client import NotFound, VicinalError
from vicinal_fiftyone.app.moving import show
from vicinal_fiftyone.app.services import graph_client, refresh
from vicinal_fiftyone.app.summary import BINS, summarize
from vicinal_fiftyone.fields import DUPLICATES, NEXT, SUSPECTS
from vicinal_fiftyone.link import linked

__all__ = ["Overview"]


class Overview(foo.Panel):
    """Counts, estimates, the histogram of beliefs; next to label, suspected errors, refresh."""

    @property
    def config(self) -> foo.PanelConfig:
        """What the App shows."""
        return foo.PanelConfig(
            name="vicinal_overview",
            label="vicinal",
            icon="hub",
            help_markdown="Label a handful; the rest follows.",
        )

    def on_load(self, ctx: Any) -> None:
        """Ask the graph service how the dataset stands."""
        state = ctx.panel.state
        try:
            with graph_client() as graph:
                summary = summarize(graph, linked(ctx.dataset).name)
        except NotFound:
            state.text = (
                "This dataset is not in vicinal yet. Run the operator **vicinal: push this dataset**."
            )
            state.is_there = False
        except VicinalError as error:
            state.text = f"vicinal does not answer: {error}"
            state.is_there = False
        else:
            state.text = summary.as_markdown()
            state.is_there = True
            middles = [(place + 0.5) / BINS for place in range(BINS)]
            ctx.panel.data.histogram = [{"type": "bar", "x": middles, "y": list(summary.histogram)}]

    def on_change_dataset(self, ctx: Any) -> None:
        """Another dataset was opened."""
        self.on_load(ctx)

    def on_next(self, ctx: Any) -> None:
        """Show what to label next."""
        show(ctx, NEXT)

    def on_suspects(self, ctx: Any) -> None:
        """Show the labels that look wrong."""
        show(ctx, SUSPECTS)

    def on_duplicates(self, ctx: Any) -> None:
        """Show the samples that repeat others."""
        show(ctx, DUPLICATES)

    def on_refresh(self, ctx: Any) -> None:
        """Bring label changes into vicinal, write its fields anew, and say how the dataset stands."""
        with graph_client() as graph:
            refresh(ctx.dataset, graph)
        ctx.ops.reload_dataset()
        self.on_load(ctx)

    def render(self, ctx: Any) -> types.Property:
        """Lay the panel out."""
        panel = types.Object()
        panel.md(ctx.panel.get_state("text", ""), name="text_view")
        if ctx.panel.get_state("is_there", False):
            buttons = panel.h_stack("buttons", gap=2)
            buttons.btn("next", label="Next to label", on_click=self.on_next, variant="contained")
            buttons.btn("suspects", label="Suspected errors", on_click=self.on_suspects)
            buttons.btn("duplicates", label="Near duplicates", on_click=self.on_duplicates)
            buttons.btn("refresh", label="Refresh", on_click=self.on_refresh, variant="outlined")
            layout = {
                "height": 260,
                "xaxis": {"title": {"text": "confidence"}, "range": [0, 1]},
                "yaxis": {"title": {"text": "samples"}},
            }
            panel.plot("histogram", layout=layout)
        else:
            panel.btn("refresh", label="Refresh", on_click=self.on_refresh, variant="outlined")
        return types.Property(panel, view=types.GridView(orientation="vertical", gap=2))
