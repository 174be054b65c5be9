"""`vicinal cvat`: a task of CVAT's and a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import note, progress, warn_of
from vicinal_cli.needs import CVAT, require
from vicinal_cli.options import AuditShare, EmbedTarget, GraphTarget, MinSuspicion, dataset_or

if TYPE_CHECKING:
    from vicinal_cvat.platform import CvatTask
    from vicinal_cvat.syncing import Synced

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""A task of CVAT's and a dataset: frames in, labels both ways, suggestions and suspicions as issues.

    In this order, the last two as often as you like (docs/cvat.md):

      pip install 'vicinal\\[cvat]'
      vicinal cvat push --task 7     (frames and tags in)
      vicinal cvat sync --task 7     (labels both ways)
      vicinal cvat pull --task 7     (what to tag next, what looks wrong)
    """,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TaskNumber = Annotated[int, typer.Option("--task", "-t", metavar="N", help="Number of the task.")]
Name = Annotated[
    str | None,
    dataset_or("cvat-<task>"),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--cvat",
        envvar="CVAT_HOST",
        metavar="URL",
        help="The CVAT server. Default: that of the profile saved by `cvat-cli profile`, else http://localhost.",
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Sign in with a password, from the variable PASS or a prompt. Default: the access token in "
        "CVAT_ACCESS_TOKEN, or the saved profile's.",
    ),
]
Organization = Annotated[
    str | None, typer.Option("--org", metavar="SLUG", help="The organization that the task belongs to.")
]


@app.command()
def push(
    task: TaskNumber,
    name: Name = None,
    server: Server = None,
    user: User = None,
    organization: Organization = None,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Make the task's frames samples of a dataset, and its tags labels.

    Frames that the dataset holds already are left alone, so it may be
    repeated. Their ids are TASK-FRAME, e.g. 7-0. Tags become labels as with
    `vicinal cvat sync`. Several tasks may share a dataset: name it then.

    Example:
      vicinal cvat push --task 7 --cvat https://cvat.example.org
    """
    dataset = name or f"cvat-{task}"
    with _task(task, server, user, organization) as found:
        from vicinal_cvat.pushing import push as push_frames
        from vicinal_cvat.syncing import sync as sync_labels

        with graph_client(graph) as client, embedder_at(embed) as embedder, progress("embedding") as tell:
            pushed = push_frames(found, client, embedder, dataset, tell)
            synced = sync_labels(found, client, dataset)
    warn_of(pushed.refused, "frames could not be embedded")
    made = f" (new, with the classes {', '.join(pushed.dataset.classes)})" if pushed.is_new else ""
    there = f", {pushed.present} were there" if pushed.present else ""
    note(f"added {pushed.added} frames{there}, to the dataset {dataset!r}{made}")
    _say(synced)


@app.command()
def sync(
    task: TaskNumber,
    name: Name = None,
    completed: Annotated[
        bool,
        typer.Option(
            "--completed",
            help="Count automatic tags in jobs that are completed as looked at; give it every time.",
        ),
    ] = False,
    beliefs: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="CONFIDENCE",
            help="Also tag frames that nobody labelled with what is believed of them, where it is this sure.",
        ),
    ] = None,
    server: Server = None,
    user: User = None,
    organization: Organization = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Bring the task's tags and the dataset's labels to agree.

    Tags that people made become verified labels of the annotator "cvat",
    imported ones given labels; automatic ones are no labels. What others
    stated in vicinal becomes automatic tags, where CVAT has none of people's.

    Example:
      vicinal cvat sync --task 7 --beliefs 0.9
    """
    with _task(task, server, user, organization) as found, graph_client(graph) as client:
        from vicinal_cvat.syncing import sync as sync_labels

        _say(sync_labels(found, client, name or f"cvat-{task}", completed=completed, beliefs=beliefs))


@app.command()
def pull(
    task: TaskNumber,
    name: Name = None,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="Frames to suggest.")] = 20,
    audit: AuditShare = 0.0,
    min_suspicion: MinSuspicion = None,
    server: Server = None,
    user: User = None,
    organization: Organization = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Write what to label next, and which tags look wrong, as issues of the task.

    Issues of vicinal's that are out of date are deleted; one that somebody
    resolved stays, and is not raised again. Run `vicinal cvat sync` before.

    Example:
      vicinal cvat pull --task 7 -n 50
    """
    with _task(task, server, user, organization) as found, graph_client(graph) as client:
        from vicinal_cvat.pulling import pull as pull_notes

        pulled = pull_notes(
            found,
            client,
            name or f"cvat-{task}",
            count=count,
            audit_share=audit,
            min_suspicion=min_suspicion,
        )
    best = ", ".join(map(str, pulled.suggested[:10]))
    note(f"{len(pulled.suggested)} frames to label next" + (f", best first: {best}" if best else ""))
    note(f"{len(pulled.suspected)} tags look wrong")
    note(f"wrote {pulled.written} issues, deleted {pulled.deleted}")


@contextmanager
def _task(task: int, server: str | None, user: str | None, organization: str | None) -> Iterator[CvatTask]:
    require("vicinal cvat", "cvat", *CVAT)
    from vicinal_cvat.platform import Access, opened

    with opened(Access(server, user, organization), task) as found:
        yield found


def _say(synced: Synced) -> None:
    note(f"labels: {synced.stated} stated, {synced.removed} taken back")
    note(f"automatic tags: {synced.tagged} added, {synced.untagged} deleted")
    unclear = [(f"frame {frame}", "it has tags of several classes") for frame in synced.unclear]
    warn_of(unclear, "frames state nothing")
    if synced.absent:
        note(f"{synced.absent} tagged frames are no samples yet: `vicinal cvat push` makes them some")
