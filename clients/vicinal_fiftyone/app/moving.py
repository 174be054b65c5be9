"""Operators that move what is known between FiftyOne and vicinal, and show it."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from vicinal_client import Trust
from vicinal_fiftyone.app.services import embed_client, graph_client, refresh, refreshed, told
from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.fields import DUPLICATES, NEXT, SUSPECTS, view_name
from vicinal_fiftyone.link import linked
from vicinal_fiftyone.pushing import push

__all__ = ["Push", "Refresh", "Show", "show"]


class Push(foo.Operator):
    """Images and labels into vicinal, then beliefs back."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="push",
            label="vicinal: push this dataset",
            description="Embed the images, add them and their labels; then write vicinal's fields",
            allow_delegated_execution=True,
            risk_level=types.RiskLevel.LOW,
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Ask for the label field, how far to believe it, and classes."""
        inputs = types.Object()
        link = linked(ctx.dataset)
        fields = ctx.dataset.get_field_schema(
            ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification
        )
        ours = {link.field("belief"), link.field("suggested")}
        names = [name for name in fields if name not in ours]
        inputs.enum("label_field", names, label="Label field", default=link.label_field, required=False)
        trust = [one.value for one in Trust]
        inputs.enum("trust", trust, label="How far to believe new labels", default=Trust.GIVEN.value)
        inputs.str("classes", label="More classes, with commas between", required=False)
        inputs.str("name", label="Dataset in vicinal", default=link.name)
        return types.Property(inputs, view=types.View(label="Push this dataset into vicinal"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Push the whole dataset and pull."""

        def tell(done: int, total: int, /) -> None:
            ctx.set_progress(done / max(total, 1), f"embedded {done} of {total} images")

        classes = [one.strip() for one in (ctx.params.get("classes") or "").split(",") if one.strip()]
        with graph_client() as graph, embed_client() as embed:
            pushed = push(
                ctx.dataset,
                graph,
                embed,
                name=ctx.params.get("name") or None,
                label_field=ctx.params.get("label_field") or None,
                trust=Trust(ctx.params.get("trust", Trust.GIVEN.value)),
                classes=classes,
                progress=tell,
            )
            pulled = refreshed(ctx.dataset, graph)
        ctx.ops.reload_dataset()
        ctx.ops.notify(f"{pushed.added} samples and {pushed.stated} labels pushed; {told(pulled)}")
        return {"added": pushed.added, "stated": pushed.stated, "refused": len(pushed.refused)}


class Refresh(foo.Operator):
    """Label changes into vicinal, then beliefs back."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="refresh",
            label="vicinal: refresh",
            description="Bring label changes into vicinal and write its fields anew",
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Synchronise the whole dataset."""
        with graph_client() as graph:
            pulled = refresh(ctx.dataset, graph)
        ctx.ops.reload_dataset()
        ctx.ops.notify(told(pulled))
        return {"revision": pulled.revision, "suspected": pulled.suspected}


class Show(foo.Operator):
    """One of the saved views."""

    @property
    def config(self) -> foo.OperatorConfig:
        """What the App shows."""
        return foo.OperatorConfig(
            name="show",
            label="vicinal: show what to label next, or to check",
            risk_level=types.RiskLevel.LOW,
        )

    def resolve_input(self, _ctx: Any) -> types.Property:
        """Ask which one."""
        inputs = types.Object()
        inputs.enum("what", [NEXT, SUSPECTS, DUPLICATES], label="What", default=NEXT)
        return types.Property(inputs, view=types.View(label="Show"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Let the App load the view."""
        return {"count": show(ctx, ctx.params.get("what", NEXT))}


def show(ctx: Any, what: str) -> int:
    """Load a saved view into the App; return how many samples it has.

    Raises:
        FiftyOneError: vicinal has not written into the dataset yet.
    """
    name = view_name(linked(ctx.dataset), what)
    if not ctx.dataset.has_saved_view(name):
        raise FiftyOneError(f"there is no view {name!r} yet: refresh first")
    ctx.ops.set_view(name=name)
    return len(ctx.dataset.load_saved_view(name))
