"""`vicinal experiment` as people run it, on a service of its own."""

import csv
import importlib.util
import json
import re

import numpy as np
import pytest

from vicinal_cli import needs
from vicinal_cli.errors import CliError
from vicinal_experiments.results.table import Table

QUICK = ("--seeds", 2, "--slow-seeds", 1, "--symmetric", 0.2)
FEW = ("--budget", 10, "--budget", 100, "--suggest-up-to", 10)


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    """A file of 300 vectors of three classes, with true labels and those of a careless person."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    vectors = random.normal(size=(3, 16))[truth] + 0.9 * random.normal(size=(300, 16))
    human = np.where(random.random(300) < 0.2, (truth + 1) % 3, truth)
    path = tmp_path_factory.mktemp("embeddings") / "vectors.npz"
    np.savez(
        path, vectors=vectors.astype(np.float16), labels=truth, human=human, classes=np.array(["a", "b", "c"])
    )
    return path


def rows_of(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_experiments_then_nothing_left_to_do(run_cli, embeddings, tmp_path):
    first = run_cli("experiment", "all", embeddings, "--out", "results", *QUICK, *FEW)
    assert first.stdout.startswith("page: ")
    folder = tmp_path / "results"
    rows = rows_of(folder)
    assert {row["experiment"] for row in rows} == {
        *("knn", "active-learning", "label-noise", "noise-by-iteration", "flags", "calibration")
    }
    accuracy = {
        (row["setting"], row["method"], row["seed"], row["level"]): float(row["value"])
        for row in rows
        if row["metric"] == "accuracy"
    }
    for method in ("vicinal (default)", "PAPER", "PAPER, T = 0.1", "logistic regression", "Poisson learning"):
        assert {accuracy["random labels", method, seed, "100"] > 0.8 for seed in "01"} == {True}, method
    assert accuracy["suggested labels", "default", "0", "10"] > 0.7
    assert accuracy["human", "vicinal (default)", "0", f"{wrong_share(rows):g}"] > 1 - wrong_share(rows)
    assert accuracy["leave one out", "T = 0.1", "0", "10"] > 0.9

    page = (folder / "index.html").read_text()
    assert page.count("<svg") == len(list((folder / "figures").glob("*.svg"))) > 10
    assert not re.search(r"(src|href)=[\"']?https?:", page)
    assert "mean ± standard deviation" in page

    before = (folder / "results.csv").read_bytes()
    run_cli("experiment", "all", embeddings, "--out", "results", *QUICK, *FEW)
    assert (folder / "results.csv").read_bytes() == before

    other = run_cli("experiment", "knn", embeddings, "--out", "results", "--held-out", "0.2", fails=True)
    assert "another share held out" in other.stderr
    assert (folder / "results.csv").read_bytes() == before

    table = run_cli("experiment", "table", "results").stdout
    assert (
        "| labels | vicinal (default) | PAPER | PAPER, T = 0.1 | labelled samples alone | weighted k-NN |"
        in table
    )
    assert table == (folder / "results.md").read_text()
    (folder / "index.html").unlink()
    run_cli("experiment", "page", "results")
    assert (folder / "index.html").exists()


def wrong_share(rows):
    return next(
        float(row["level"]) for row in rows if row["experiment"] == "flags" and row["setting"] == "human"
    )


def test_an_interrupted_run_goes_on(run_cli, embeddings, tmp_path):
    asked = (
        "experiment",
        "label-noise",
        embeddings,
        "--out",
        "results",
        "--no-peers",
        *QUICK,
    )
    run_cli(*asked)
    table = Table(tmp_path / "results" / "results.csv")
    whole = table.path.read_text().splitlines(keepends=True)
    table.path.write_text("".join(whole[:5]) + whole[5][:9])
    run_cli(*asked)
    assert {row.key for row in Table(table.path)} == {row.key for row in table}
    assert json.loads((tmp_path / "results" / "manifest.json").read_text())["commands"]["label-noise"]


def test_pictures_are_embedded_once(vicinal, pictures, encoder, addresses, tmp_path):
    asked = ("experiment", "knn", pictures, "--out", tmp_path / "results", "--encoder", encoder)
    address = addresses["VICINAL_GRAPH"]
    vicinal(*asked, "--address", address)
    kept = (tmp_path / "results" / "vectors.npz").stat().st_mtime_ns
    assert "taking the vectors" in vicinal(*asked, "--address", address).stderr
    assert (tmp_path / "results" / "vectors.npz").stat().st_mtime_ns == kept
    assert "experiment-" not in vicinal("status").stdout


def test_labels_beside_the_vectors(vicinal, addresses, tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "v.npy", random.normal(size=(40, 4)))
    lines = [f"row-{i},{'ab'[i % 2]},{'ba'[i % 3 == 0]}" for i in range(40)]
    (tmp_path / "labels.csv").write_text("id,label,human\n" + "\n".join(reversed(lines)) + "\n")
    asked = (
        "experiment",
        "flags",
        "v.npy",
        "--no-peers",
        "--labels",
        "labels.csv",
        "--noisy-column",
        "human",
    )
    vicinal(*asked, "--out", tmp_path / "results")
    assert {row["setting"] for row in rows_of(tmp_path / "results")} >= {"human", "symmetric 20%"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("all", "none.npz"), "no such file"),
        (("all", "bare.npy"), "--labels FILE.csv"),
        (("all", "unlabelled.npz"), "no array `labels`"),
        (("label-noise", "good.npz", "--pairs", "0:7"), "no pair of classes"),
        (("active-learning", "good.npz", "--method", "best"), "names no method"),
        (("knn", "good.npz", "--noisy-column", "robot"), "no column 'robot'"),
        (("table", "."), "holds no results"),
    ],
)
def test_what_cannot_be_done_is_said(vicinal, tmp_path, arguments, said):
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    np.save(tmp_path / "bare.npy", vectors)
    np.savez(tmp_path / "unlabelled.npz", vectors=vectors)
    np.savez(tmp_path / "good.npz", vectors=vectors, labels=np.arange(30) % 2)
    assert said in vicinal("experiment", *arguments, fails=True).stderr


def test_without_the_extra_it_says_what_to_install(vicinal, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "cleanlab" else found(name))
    said = vicinal("experiment", "table", fails=True).stderr
    assert "cleanlab" in said
    assert "pip install 'vicinal[experiments]'" in said
    with pytest.raises(CliError):
        needs.require("vicinal experiment", "experiments", *needs.EXPERIMENTS)
