"""`vicinal demo`."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.console import note, progress
from vicinal_cli.demo.run import Stopwatch, check_folder, run, sample_folder
from vicinal_cli.demo.stack import stack
from vicinal_cli.files.folders import scan
from vicinal_cli.files.whole import replacing
from vicinal_cli.needs import EMBED, GRAPH, require
from vicinal_cli.up.alone import FIRST_START

__all__ = ["demo"]


def demo(
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder with one sub-folder of images a class, instead of the project's sample.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where report.html goes.")] = Path("vicinal-demo"),
    encoder: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An ONNX encoder, or fashion, which comes with the project. Default: starter.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep the store and the images, to see them with `vicinal up` afterwards."
        ),
    ] = False,
) -> None:
    """Show the whole of vicinal on real images, and write a report page.

    Starts both services and the store in a temporary folder, embeds the
    images, labels what is suggested (the sub-folders' names are the truth),
    says how many of the unlabelled images are right after 10, 20, 50 and 100
    labels and how many are with random samples, then plants wrong labels and
    says how many are found. Leaves nothing running.

    Examples:
      vicinal demo
      vicinal demo --images by-class/ --out report/
    """
    require("vicinal demo", "demo", *EMBED, *GRAPH)
    from vicinal_cli.demo.report.page import page  # needs Pillow, which the line above has looked for

    watch = Stopwatch()
    with _work_folder(keep=keep) as work:
        folder = scan(images or sample_folder(work / "images"))
        check_folder(folder)
        note(f"starting both services and the embedded store; {FIRST_START}")
        with ExitStack() as held:
            with watch.lap("starting the services"), progress("waiting until they serve"):
                services = held.enter_context(stack(work, ["--encoder", str(encoder)] if encoder else []))
            found = run(services, folder, watch, shlex.join(["vicinal", *sys.argv[1:]]))
        out.mkdir(parents=True, exist_ok=True)
        report = out / "report.html"
        with replacing(report) as partial:
            partial.write_text(page(found), encoding="utf-8")
        if keep:
            see = shlex.join(
                ["vicinal", "up", "--data-dir", str(work / "data"), "--images", str(folder.root)]
            )
            note(f"kept the datasets suggested, random and noisy; see them in a browser: {see}")
    typer.echo(f"\nreport: {report.resolve()}")


@contextmanager
def _work_folder(*, keep: bool) -> Iterator[Path]:
    """Yield a temporary folder that goes at the end, also when SIGTERM brings that about."""

    def on_signal(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, on_signal)
    folder = Path(tempfile.mkdtemp(prefix="vicinal-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)
