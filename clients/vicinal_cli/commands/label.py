"""`vicinal label`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note, progress
from vicinal_cli.errors import CliError
from vicinal_cli.files.labels import read_labels
from vicinal_cli.options import DatasetName, GraphTarget, Trusted
from vicinal_client import Label, LabelKey, Trust

__all__ = ["label"]


def label(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|ID",
            help="A .csv or .parquet of labels, or one sample's id followed by its class.",
        ),
    ],
    class_name: Annotated[
        str | None, typer.Argument(metavar="CLASS", help="The class of the sample ID.")
    ] = None,
    dataset: DatasetName = "default",
    trust: Annotated[
        Trusted,
        typer.Option(help="verified: a person looked. given: it came with the data and may be wrong."),
    ] = Trusted.VERIFIED,
    annotator: Annotated[
        str, typer.Option(help="Who says so. A later label of the same annotator replaces the earlier one.")
    ] = "",
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the annotator's label on the sample ID back.")
    ] = False,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """State labels: those in a file, or one.

    The file has the columns id and label, and if wanted annotator and trust,
    which take precedence over the flags.

    Examples:
      vicinal label labels.csv --dataset pets --trust given
      vicinal label tom/1.jpg cat --dataset pets
      vicinal label tom/1.jpg --remove --dataset pets
    """
    if remove:
        if class_name is not None:
            raise CliError("--remove takes the id alone", "for example: vicinal label tom/1.jpg --remove")
        with graph_client(graph) as client:
            client.remove_labels(dataset, [LabelKey(what, annotator)])
        note(f"took back the label on {what!r}")
        return
    stated = _stated(what, class_name, annotator, Trust(trust.value))
    with graph_client(graph) as client, progress("labelling") as tell:
        revision = client.add_labels(dataset, stated, progress=tell)
    plural = "" if len(stated) == 1 else "s"
    note(f"stated {len(stated)} label{plural} in the dataset {dataset!r}, revision {revision}")


def _stated(what: str, class_name: str | None, annotator: str, trust: Trust) -> list[Label]:
    if class_name is not None:
        return [Label(what, class_name, annotator, trust)]
    if Path(what).suffix.lower() in (".csv", ".parquet"):
        return read_labels(Path(what), annotator=annotator, trust=trust)
    raise CliError(
        f"{what!r} is no .csv or .parquet file, and no class follows it",
        "for example: vicinal label labels.csv, or vicinal label tom/1.jpg cat",
    )
