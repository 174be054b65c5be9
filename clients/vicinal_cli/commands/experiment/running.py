"""From a request to a page. Loaded only when the extra is there."""

from __future__ import annotations

import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vicinal_cli.commands.experiment.flags import Request
from vicinal_cli.commands.experiment.source import read
from vicinal_cli.connect import graph_client
from vicinal_cli.console import note, progress
from vicinal_cli.needs import GRAPH, require
from vicinal_cli.up.alone import FIRST_START, graph_alone
from vicinal_experiments.conduct import conduct
from vicinal_experiments.data import Data, split
from vicinal_experiments.noise import Noise, named_pairs, nearest_classes
from vicinal_experiments.options import Options, budgets_for
from vicinal_experiments.report.write import table_of, write
from vicinal_experiments.results.manifest import opened
from vicinal_experiments.settings import DEFAULTS, setting

__all__ = ["execute", "page_of", "table_of"]

_SYMMETRIC = (0.2, 0.5, 0.8)
_ASYMMETRIC = (0.4,)


def execute(names: Sequence[str], request: Request) -> Path:
    """Run the experiments `names`; return the place of the page that shows all results so far."""
    signal.signal(signal.SIGTERM, _stop)
    request.out.mkdir(parents=True, exist_ok=True)
    data = read(request)
    parts = split(data, request.held_out)
    inside = parts.inside
    facts = {
        "data": f"{len(data):,} samples of {len(data.classes)} classes, "
        f"{data.vectors.shape[1]} numbers a vector",
        "held out": f"{len(parts.outside):,} of them kept out of the graph",
    }
    inputs = {
        "data": data.digest(),
        "share held out": f"{request.held_out:g}",
        "number of neighbours": str(request.neighbours or "default"),
        "class pairs": ", ".join(request.pairs or []) or "nearest centroids",
    }
    manifest = opened(request.out, inputs, facts)
    manifest.commands.update(dict.fromkeys(names, shlex.join(["vicinal", *sys.argv[1:]])))
    manifest.write(request.out)
    note(f"{facts['data']}; {facts['held out']}")
    with _service(request.address) as address, graph_client(address) as client:
        conduct(names, client, parts, _options(request, inside), request.out, progress, request.neighbours)
    return write(request.out)


def page_of(folder: Path) -> Path:
    """Write the figures, tables and page of the results in `folder`; return the page's place."""
    return write(folder)


def _stop(number: int, _frame: object) -> None:
    """End as Ctrl-C does: what is under way is finished, and nothing is left behind."""
    raise SystemExit(128 + number)


def _options(request: Request, inside: Data) -> Options:
    budgets = budgets_for(len(inside), request.budgets) if request.budgets else budgets_for(len(inside))
    return Options(
        settings=tuple(setting(text) for text in request.methods or DEFAULTS),
        seeds=request.seeds,
        slow_seeds=request.slow_seeds,
        budgets=budgets,
        suggest_up_to=request.suggest_up_to,
        noises=tuple(_noises(request, inside)),
        peers=request.peers,
    )


def _noises(request: Request, inside: Data) -> Iterator[Noise]:
    """Yield the noises asked for; none asked for means the usual ones."""
    asked = request.symmetric is not None or request.asymmetric is not None
    for rate in request.symmetric or (() if asked else _SYMMETRIC):
        yield Noise(f"symmetric {rate:.0%}", "symmetric", rate)
    count = len(inside.classes)
    pairs = named_pairs(request.pairs or [], inside.classes) or nearest_classes(
        inside.vectors, inside.truth, count
    )
    for rate in request.asymmetric or (() if asked else _ASYMMETRIC):
        yield Noise(f"asymmetric {rate:.0%}", "asymmetric", rate, pairs)
    for name, column in inside.noisy.items():
        yield Noise(name, "column", round(float((column != inside.truth).mean()), 4))


@contextmanager
def _service(address: str | None) -> Iterator[str]:
    if address:
        yield address
        return
    require("vicinal experiment without --address", "experiments", *GRAPH)
    note(f"starting a graph service; {FIRST_START}")
    with tempfile.TemporaryDirectory(prefix="vicinal-") as work, graph_alone(Path(work)) as started:
        yield started
