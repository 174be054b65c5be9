"""`vicinal label-studio`: an ML back end for Label Studio."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Annotated

import typer

from vicinal.hosts import is_loopback
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH
from vicinal_cli.console import note
from vicinal_cli.elsewhere import is_elsewhere
from vicinal_cli.errors import CliError
from vicinal_cli.needs import LABEL_STUDIO, require
from vicinal_cli.options import GraphTarget, MinSuspicion, Trusted, dataset_or
from vicinal_client import Trust

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""Label Studio: pre-annotations, what to label next, and what looks wrong.

    In this order, both with these variables (docs/label-studio.md):

      pip install 'vicinal\\[label-studio]'
      export LABEL_STUDIO_URL=http://127.0.0.1:8080 LABEL_STUDIO_TOKEN=…
      vicinal label-studio serve --project 1       (stays; in a terminal of its own)
      vicinal label-studio connect --project 1     (once)
    """,
)

_USER = "vicinal"
_PORT = 9090
Url = Annotated[
    str,
    typer.Option(envvar="LABEL_STUDIO_URL", metavar="URL", help="Label Studio, e.g. http://127.0.0.1:8080."),
]
Token = Annotated[
    str,
    typer.Option(
        envvar="LABEL_STUDIO_TOKEN",
        metavar="TOKEN",
        help="A user's token, legacy or personal; better in the environment, where `ps` does not show it.",
    ),
]
ProjectNumber = Annotated[int, typer.Option(min=1, help="The project's number, as in its address.")]
User = Annotated[str, typer.Option(envvar="VICINAL_USER", help="User name that Label Studio must bring.")]
Password = Annotated[
    str | None,
    typer.Option(
        envvar="VICINAL_PASSWORD",
        help="Password that it must bring, the same for `serve` and `connect`. Without one the back end "
        "serves this machine only.",
    ),
]
OurEmbedTarget = Annotated[
    str,
    typer.Option(
        "--embed", envvar="VICINAL_EMBED", metavar="HOST:PORT", help="The embedding service of vicinal's."
    ),
]


@app.command()
def serve(
    project: ProjectNumber,
    url: Url,
    token: Token,
    dataset: Annotated[
        str | None,
        dataset_or("label-studio-<project>"),
    ] = None,
    existing: Annotated[
        Trusted, typer.Option(help="How far to believe annotations from before the connection.")
    ] = Trusted.VERIFIED,
    queue: Annotated[
        int, typer.Option("--queue", "--count", "-n", min=1, max=1000, help="Tasks to suggest at a time.")
    ] = 20,
    min_suspicion: MinSuspicion = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Fetch images only from here (*.example.org) and Label Studio."),
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch images from private addresses too.")
    ] = False,
    max_image_mib: Annotated[int, typer.Option(min=1, max=1024, help="Cap on one image.")] = 16,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = _PORT,
    user: User = _USER,
    password: Password = None,
    compare_every: Annotated[float, typer.Option(min=1, help="Seconds between full comparisons.")] = 600.0,
    look_every: Annotated[
        float, typer.Option(min=0.5, help="Seconds between looks at Label Studio's counts, for lost events.")
    ] = 15.0,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: OurEmbedTarget = DEFAULT_EMBED,
) -> None:
    """Serve one project of Label Studio, until Ctrl-C.

    Imports the project's images, follows its annotations, and writes
    predictions and suspected labels. How far it is: http://HOST:PORT/status

    Examples:
      vicinal label-studio serve --project 1 --url http://127.0.0.1:8080
      vicinal label-studio serve --project 1 --existing given --port 9091
    """
    require("vicinal label-studio", "label-studio", *LABEL_STUDIO)
    from vicinal_label_studio.bridge import Wishes
    from vicinal_label_studio.guard import Guard, webhook_secret
    from vicinal_label_studio.importing import FetchRules
    from vicinal_label_studio.serving import Place, Sides
    from vicinal_label_studio.serving import serve as run

    if password is None and not is_loopback(host):
        raise CliError(
            f"whoever reaches {host}:{port} could ask the back end", "set a password: VICINAL_PASSWORD=…"
        )
    if is_elsewhere(embed):
        raise CliError(f"{embed} is no embedding service of vicinal's", "name one with --embed HOST:PORT")
    _log_to_stderr()
    wishes = Wishes(
        project,
        dataset or f"label-studio-{project}",
        Trust(existing.value),
        queue,
        min_suspicion,
        FetchRules(allow_host, allow_private, max_image_mib << 20),
    )
    guard = Guard(user, password, webhook_secret(token, project))
    note(f"project {project} of {url} → dataset {wishes.dataset}; status: http://{host}:{port}/status")
    place = Place(host, port, guard, compare_every, look_every)
    with suppress(KeyboardInterrupt):  # the server has ended in good order by then
        asyncio.run(run(wishes, Sides(url, token, graph, embed), place))


@app.command()
def connect(
    project: ProjectNumber,
    url: Url,
    token: Token,
    backend: Annotated[
        str, typer.Option(metavar="URL", help="The back end, as Label Studio reaches it.")
    ] = f"http://127.0.0.1:{_PORT}",
    user: User = _USER,
    password: Password = None,
    order: Annotated[
        bool, typer.Option(help="Let Label Studio serve tasks in the order that vicinal suggests.")
    ] = True,
) -> None:
    """Tell Label Studio of the back end, which must be up. May be repeated.

    Makes or changes the project's ML back end and its webhook, sets its
    order of tasks, and makes a tab for suspected labels.

    Example:
      vicinal label-studio connect --project 1 --url http://127.0.0.1:8080
    """
    require("vicinal label-studio", "label-studio", *LABEL_STUDIO)
    from vicinal_label_studio.connecting import Address
    from vicinal_label_studio.connecting import connect as run
    from vicinal_label_studio.guard import webhook_secret
    from vicinal_label_studio.platform import LabelStudio

    async def connected() -> list[str]:
        async with LabelStudio(url, token) as platform:
            address = Address(backend, user, password, webhook_secret(token, project))
            return await run(platform, project, address, order=order)

    for line in asyncio.run(connected()):
        note(line)


def _log_to_stderr() -> None:
    form = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a request
