"""`vicinal loadtest` and `vicinal loadtest compare`."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.console import note, stdout
from vicinal_cli.errors import CliError
from vicinal_cli.files.whole import replacing
from vicinal_cli.loadtest import flags
from vicinal_cli.loadtest.conduct import Wish, conduct
from vicinal_cli.loadtest.report.page import comparison_page, page
from vicinal_cli.loadtest.report.tables import comparison, result_tables
from vicinal_cli.loadtest.report.told import headlines, warnings
from vicinal_cli.loadtest.result import Phase, Result, environment, read_result
from vicinal_cli.loadtest.subject import Filling, Target, opened
from vicinal_client import Dataset, Method

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def loadtest(
    context: typer.Context,
    annotators: flags.Annotators = 1,
    rate: flags.Rate = None,
    seconds: flags.Seconds = 30,
    find_rate: flags.FindRate = False,
    share: flags.Share = None,
    reads: flags.Reads = 0,
    read: flags.Read = None,
    ingest: flags.Ingest = 0,
    batch: flags.Batch = 10,
    labels: flags.Labels = 1,
    during_propagation: flags.DuringPropagation = False,
    workers: flags.Workers = 1,
    max_p99: flags.MaxP99 = 1.0,
    trial: flags.Trial = 30,
    timeout: flags.Timeout = 30,
    most: flags.Most = 1_000,
    target: flags.TargetAddress = None,
    data_dir: flags.DataDir = None,
    dataset: flags.DatasetName = "loadtest",
    keep: flags.Keep = False,
    samples: flags.Samples = 60_000,
    dimension: flags.Dimension = 64,
    classes: flags.Classes = 10,
    neighbours: flags.Neighbours = 10,
    method: flags.MethodOf = None,
    labelled: flags.Labelled = 0.01,
    seed: flags.Seed = 0,
    out: flags.Out = Path("vicinal-loadtest"),
) -> None:
    """Load a graph service as annotators do, and say how long they wait.

    A click is AddLabels, then Propagate, then SuggestSamples, these two for
    the label's revision. With --rate or --share clicks come at times fixed
    in advance, and their latency counts from there: when the service
    stalls, those who come meanwhile wait, and that is seen.

    Before the load, the same connection is timed with the least that a
    server can answer, an echo; a click is told in echoes, too.

    Examples:
      vicinal loadtest                                  (one annotator, 60,000 samples)
      vicinal loadtest -n 32 --share 0.8 --workers 2    (at 80% of what is sustained)
      vicinal loadtest --during-propagation --reads 20
      vicinal loadtest --target 127.0.0.1:50052 --dataset pets-copy --rate 5
      vicinal loadtest compare before/loadtest.json after/loadtest.json
    """
    if context.invoked_subcommand:
        return
    _check(context)
    wish = Wish(
        annotators=annotators,
        rate=rate,
        seconds=0 if find_rate else seconds,
        share=1.0 if find_rate else share,
        reads=reads,
        kinds=[one.operation for one in read or flags.ReadName],
        ingest=ingest,
        batch=batch,
        labels=labels,
        workers=min(workers, annotators or workers),
        seed=seed,
        alone=during_propagation,
        p99=max_p99,
        trial=trial,
        timeout=timeout,
        most=most,
    )
    chosen = Method(method.value) if method else None
    filling = Filling(samples, dimension, classes, neighbours, chosen, labelled, seed)
    _run(Target(target, data_dir, dataset, keep), filling, wish, _told(context), out)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="What `vicinal loadtest` wrote.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="What it wrote another time.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes.")] = Path("compare.html"),
) -> None:
    """Set two load tests side by side: each operation's latency, and B's in A's.

    Example:
      vicinal loadtest compare before/loadtest.json after/loadtest.json
    """
    one, other = read_result(first), read_result(second)
    phases = _main_of(one, first), _main_of(other, second)
    comparison(*phases).show(stdout)
    with replacing(out) as partial:
        partial.write_text(comparison_page(one, other, *phases), encoding="utf-8")
    typer.echo(f"\npage: {out.resolve()}")


def _check(context: typer.Context) -> None:
    """Refuse flags that contradict each other.

    Raises:
        CliError: they do.
    """
    given = context.params
    goals = [f"--{name.replace('_', '-')}" for name in ("rate", "share", "find_rate") if given[name]]
    if len(goals) > 1:
        raise CliError(f"{' and '.join(goals)} contradict each other", "give one of them.")
    if goals and not given["annotators"]:
        raise CliError(f"{goals[0]} is about clicks, but there are no annotators", "e.g. --annotators 32.")
    if not (given["annotators"] or given["reads"] or given["ingest"]):
        raise CliError("nothing is to be done", "ask for --annotators, --reads or --ingest.")
    if given["target"] and given["data_dir"]:
        raise CliError("--data-dir is for a service that is started here", "leave it, or --target, out.")
    if given["during_propagation"] and given["find_rate"]:
        raise CliError(
            "--find-rate ends before reads are compared", "leave it, or --during-propagation, out."
        )
    if given["during_propagation"] and not given["reads"]:
        raise CliError("--during-propagation compares reads, but none are asked for", "e.g. --reads 20.")


def _run(target: Target, filling: Filling, wish: Wish, inputs: dict[str, str], out: Path) -> None:
    """Measure, tell, and write both files."""

    def on_signal(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, on_signal)  # the service and its folder go then, too
    out.mkdir(parents=True, exist_ok=True)
    machine = environment()
    with opened(target, filling) as (subject, dataset):
        measured = conduct(subject, wish)
    command = shlex.join(["vicinal", *sys.argv[1:]])
    result = Result(command, inputs | _of(dataset), machine, **vars(measured))
    for figure, what in headlines(result):
        stdout.print(f"{figure:>12}  {what}", markup=False)
    for table in result_tables(result):
        stdout.print()
        table.show(stdout)
    for warning in warnings(result):
        note(f"mind: {warning}.")
    for name, content in (("loadtest.json", result.to_json()), ("loadtest.html", page(result))):
        with replacing(out / name) as partial:
            partial.write_text(content, encoding="utf-8")
    typer.echo(f"\nreport: {(out / 'loadtest.html').resolve()}")


def _told(context: typer.Context) -> dict[str, str]:
    """Return every flag with its value, those included that were not given."""

    def words(value: object) -> str:
        return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    given = {name: value for name, value in context.params.items() if value not in (None, [], ())}
    return {f"--{name.replace('_', '-')}": words(value) for name, value in given.items()}


def _of(dataset: Dataset) -> dict[str, str]:
    """Return what the dataset was before the load."""
    return {
        "dataset: samples": f"{dataset.sample_count:,} × {dataset.dimension}",
        "dataset: classes": f"{len(dataset.classes):,}",
        "dataset: neighbours": str(dataset.neighbours),
        "dataset: method": dataset.method.value,
        "dataset: labels": f"{dataset.verified_label_count + dataset.given_label_count:,}",
        "dataset: index": dataset.index,
    }


def _main_of(result: Result, path: Path) -> Phase:
    if result.main is None:
        raise CliError(f"{path} is of a search for a rate only", "give runs that loaded the service.")
    return result.main
