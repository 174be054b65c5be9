"""The commands of `vicinal experiment`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.commands.experiment import flags
from vicinal_cli.commands.experiment.flags import Request
from vicinal_cli.errors import CliError
from vicinal_cli.needs import EXPERIMENTS, require

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Measure, on your own images or vectors, what vicinal is worth, and what its peers are.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OUT = Path("vicinal-experiments")
_ALL = ("knn", "active-learning", "label-noise", "noise-by-iteration", "flags")

Results = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of results (--out of the experiments).")
]


@app.command("all")
def everything(
    source: flags.Source,
    out: flags.Out = _OUT,
    seeds: flags.Seeds = 10,
    slow_seeds: flags.SlowSeeds = 3,
    held_out: flags.HeldOut = 0.1,
    method: flags.Methods = None,
    peers: flags.Peers = True,
    neighbours: flags.Neighbours = None,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    symmetric: flags.Symmetric = None,
    asymmetric: flags.Asymmetric = None,
    pairs: flags.Pairs = None,
    budget: flags.Budgets = None,
    suggest_up_to: flags.SuggestUpTo = 500,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Run every experiment and write one page.

    Results go to --out as they come: results.csv, figures/, results.md and
    index.html. Ctrl-C loses nothing: the same command goes on where it
    stopped.

    Examples:
      vicinal experiment all embeddings.npz --out results/
      vicinal experiment all by-class/ --seeds 3
    """
    _run(
        _ALL,
        Request(
            source, out, seeds, slow_seeds, held_out, method, peers, neighbours, labels, noisy_column,
            symmetric, asymmetric, pairs, budget, suggest_up_to, address, encoder,
        ),
    )  # fmt: skip


@app.command("knn")
def knn(
    source: flags.Source,
    out: flags.Out = _OUT,
    held_out: flags.HeldOut = 0.1,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Judge the embeddings: k-NN accuracy over k and temperature, every class known.

    Leave-one-out from exact neighbours, and held-out samples through Classify.

    Example:
      vicinal experiment knn embeddings.npz
    """
    _run(
        ("knn",),
        Request(
            source,
            out,
            held_out=held_out,
            labels=labels,
            noisy_columns=noisy_column,
            address=address,
            encoder=encoder,
        ),
    )


@app.command("active-learning")
def active_learning(
    source: flags.Source,
    out: flags.Out = _OUT,
    seeds: flags.Seeds = 10,
    slow_seeds: flags.SlowSeeds = 3,
    held_out: flags.HeldOut = 0.1,
    method: flags.Methods = None,
    peers: flags.Peers = True,
    neighbours: flags.Neighbours = None,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    budget: flags.Budgets = None,
    suggest_up_to: flags.SuggestUpTo = 500,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Measure accuracy against the number of labels: random ones, and those that are suggested.

    Each draw labels the same samples for every method and peer. The accuracy
    is that of the samples without a label; of held-out samples; and of the
    labelled samples' vote alone, without the unlabelled data.

    Examples:
      vicinal experiment active-learning embeddings.npz
      vicinal experiment active-learning embeddings.npz --budget 50 --budget 500 --held-out 0
    """
    _run(
        ("active-learning",),
        Request(
            source, out, seeds, slow_seeds, held_out, method, peers, neighbours, labels, noisy_column,
            budgets=budget, suggest_up_to=suggest_up_to, address=address, encoder=encoder,
        ),
    )  # fmt: skip


@app.command("label-noise")
def label_noise(
    source: flags.Source,
    out: flags.Out = _OUT,
    seeds: flags.Seeds = 10,
    slow_seeds: flags.SlowSeeds = 3,
    held_out: flags.HeldOut = 0.1,
    method: flags.Methods = None,
    peers: flags.Peers = True,
    neighbours: flags.Neighbours = None,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    symmetric: flags.Symmetric = None,
    asymmetric: flags.Asymmetric = None,
    pairs: flags.Pairs = None,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Measure accuracy when every sample has a label and some are wrong.

    Symmetric noise of 20, 50 and 80%, asymmetric of 40% unless told
    otherwise, and every column of real noisy labels.

    Examples:
      vicinal experiment label-noise embeddings.npz
      vicinal experiment label-noise embeddings.npz --asymmetric 0.3 --pairs cat:dog --pairs dog:cat
    """
    _run(
        ("label-noise",),
        Request(
            source, out, seeds, slow_seeds, held_out, method, peers, neighbours, labels, noisy_column,
            symmetric, asymmetric, pairs, address=address, encoder=encoder,
        ),
    )  # fmt: skip


@app.command("noise-by-iteration")
def noise_by_iteration(
    source: flags.Source,
    out: flags.Out = _OUT,
    slow_seeds: flags.SlowSeeds = 3,
    held_out: flags.HeldOut = 0.1,
    neighbours: flags.Neighbours = None,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    symmetric: flags.Symmetric = None,
    asymmetric: flags.Asymmetric = None,
    pairs: flags.Pairs = None,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Measure the noise left in the pseudo labels after each iteration of the paper's method.

    Example:
      vicinal experiment noise-by-iteration embeddings.npz --symmetric 0.5
    """
    _run(
        ("noise-by-iteration",),
        Request(
            source, out, slow_seeds, slow_seeds, held_out, None, True, neighbours, labels, noisy_column,
            symmetric, asymmetric, pairs, address=address, encoder=encoder,
        ),
    )  # fmt: skip


@app.command("flags")
def wrong_labels(
    source: flags.Source,
    out: flags.Out = _OUT,
    slow_seeds: flags.SlowSeeds = 3,
    held_out: flags.HeldOut = 0.1,
    peers: flags.Peers = True,
    neighbours: flags.Neighbours = None,
    labels: flags.Labels = None,
    noisy_column: flags.NoisyColumns = None,
    symmetric: flags.Symmetric = None,
    asymmetric: flags.Asymmetric = None,
    pairs: flags.Pairs = None,
    address: flags.Address = None,
    encoder: flags.Encoder = None,
) -> None:
    """Measure how well wrong labels are found, against cleanlab on the same embeddings.

    Example:
      vicinal experiment flags embeddings.npz --noisy-column worst
    """
    _run(
        ("flags",),
        Request(
            source, out, slow_seeds, slow_seeds, held_out, None, peers, neighbours, labels, noisy_column,
            symmetric, asymmetric, pairs, address=address, encoder=encoder,
        ),
    )  # fmt: skip


@app.command("page")
def page(results: Results = _OUT) -> None:
    """Write the figures, tables and page again from the results so far, measuring nothing."""
    require("vicinal experiment", "experiments", *EXPERIMENTS)
    from vicinal_cli.commands.experiment.running import page_of

    with _told():
        typer.echo(f"page: {page_of(results).resolve()}")


@app.command("table")
def table(results: Results = _OUT) -> None:
    """Print the results as Markdown tables, each row with the command that made it."""
    require("vicinal experiment", "experiments", *EXPERIMENTS)
    from vicinal_cli.commands.experiment.running import table_of

    with _told():
        typer.echo(table_of(results), nl=False)


def _run(names: Sequence[str], request: Request) -> None:
    """Run the experiments, with what needs the extra loaded only now."""
    require("vicinal experiment", "experiments", *EXPERIMENTS)
    from vicinal_cli.commands.experiment.running import execute

    with _told():
        typer.echo(f"page: {execute(names, request).resolve()}")


@contextmanager
def _told() -> Iterator[None]:
    """Raise an experiment's refusal as the command line's own error."""
    from vicinal_experiments.errors import ExperimentError

    try:
        yield
    except ExperimentError as error:
        raise CliError(error.message, error.hint) from error
