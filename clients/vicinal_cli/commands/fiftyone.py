"""`vicinal fiftyone`: a dataset of FiftyOne's and one of vicinal's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import note, progress, warn_of
from vicinal_cli.needs import FIFTYONE, require
from vicinal_cli.options import AuditShare, EmbedTarget, GraphTarget, MinSuspicion, Trusted, dataset_or
from vicinal_client import Trust

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""A dataset of FiftyOne's: images and labels in; beliefs, suggestions and flags as fields.

    In this order, the last two as often as you like (docs/fiftyone.md):

      pip install 'vicinal\\[fiftyone]'      (in an environment of its own)
      vicinal fiftyone push clothes --label-field ground_truth
      vicinal fiftyone sync clothes        (what people changed)
      vicinal fiftyone pull clothes        (fields and saved views)
    """,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[str, typer.Argument(metavar="DATASET", help="FiftyOne's dataset.")]
Name = Annotated[
    str | None,
    dataset_or("the one it was pushed to, at first FiftyOne's name"),
]
LabelField = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD", help="Classification field with the labels. Default: that of the last time."
    ),
]


@app.command()
def push(
    source: Source,
    name: Name = None,
    label_field: LabelField = None,
    trust: Annotated[Trusted, typer.Option(help="How far to believe new labels.")] = Trusted.GIVEN,
    classes: Annotated[
        str | None, typer.Option(metavar="NAMES", help="More classes, with commas between.")
    ] = None,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Bring a dataset's images, and the labels of one field, into vicinal.

    Only what is new, changed or gone is sent, so it may be repeated.

    Example:
      vicinal fiftyone push clothes --label-field ground_truth
    """
    integration, samples = _opened(source)
    with (
        graph_client(graph) as client,
        embedder_at(embed) as embedder,
        progress("embedding and adding") as tell,
    ):
        done = integration.push(
            samples,
            client,
            embedder,
            name=name,
            label_field=label_field,
            trust=Trust(trust.value),
            classes=[one.strip() for one in (classes or "").split(",") if one.strip()],
            progress=tell,
        )
    warn_of(done.refused, "images could not be embedded")
    note(
        f"dataset {done.dataset!r}: {done.added} samples added, {done.replaced} replaced, "
        f"{done.removed} removed; {done.stated} labels stated, {done.unlabelled} taken back"
    )


@app.command()
def pull(
    source: Source,
    name: Name = None,
    prefix: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the fields begin with. Default: vicinal.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="Samples to suggest.")] = 100,
    audit: AuditShare = 0.0,
    min_suspicion: MinSuspicion = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Write beliefs, suggestions and flags into a dataset's fields and saved views.

    What no longer holds is emptied. The views that people work through are
    "vicinal: next to label", "vicinal: suspected errors" and "vicinal: near
    duplicates". Run `vicinal fiftyone sync` before.

    Example:
      vicinal fiftyone pull clothes -n 50 --audit 0.1
    """
    integration, samples = _opened(source)
    with graph_client(graph) as client:
        done = integration.pull(
            samples,
            client,
            name=name,
            prefix=prefix,
            count=count,
            audit_share=audit,
            min_suspicion=min_suspicion,
        )
    note(
        f"{done.believed} samples have a belief; {done.ranked} to label next, "
        f"{done.suspected} suspected errors, {done.near_duplicates} near duplicates, "
        f"{done.outliers} outliers; revision {done.revision}"
    )


@app.command()
def sync(
    source: Source,
    name: Name = None,
    label_field: LabelField = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Bring label changes made in FiftyOne into vicinal, as verified labels.

    The field is compared with the labels of the annotator "fiftyone": what is
    new or changed is stated, what is gone is taken back. May be repeated.

    Example:
      vicinal fiftyone sync clothes
    """
    integration, samples = _opened(source)
    with graph_client(graph) as client:
        done = integration.sync_labels(samples, client, name=name, label_field=label_field)
    unknown = f"; {done.unknown} labelled samples are not in vicinal: push" if done.unknown else ""
    note(f"dataset {done.dataset!r}: {done.stated} labels stated, {done.removed} taken back{unknown}")


@app.command()
def install_plugin(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Folder of plugins. Default: FiftyOne's own.")
    ] = None,
) -> None:
    """Put vicinal's operators and panel into the FiftyOne App.

    The App finds the services at VICINAL_GRAPH and VICINAL_EMBED, or where
    `vicinal up` starts them.

    Example:
      vicinal fiftyone install-plugin
    """
    note(f"the plugin is in {_integration().install_plugin(folder)}")


def _integration() -> ModuleType:
    require("vicinal fiftyone", "fiftyone", *FIFTYONE)
    import vicinal_fiftyone

    return vicinal_fiftyone


def _opened(source: str) -> tuple[ModuleType, Any]:
    integration = _integration()
    return integration, integration.load(source)
