"""`vicinal loadtest` on real services: a few seconds of everything, from flags to files."""

import json

import pytest

from vicinal_cli.loadtest.orders import READS, STEPS
from vicinal_cli.loadtest.result import read_result

SMALL = ("--samples", 400, "--dimension", 8, "--classes", 3, "-k", 5)


@pytest.fixture
def load(vicinal, addresses, tmp_path):
    """Run `vicinal loadtest` on this session's graph service → what it said, and the result."""

    def run(*arguments):
        target = ("--target", addresses["VICINAL_GRAPH"], "--out", tmp_path / "out")
        said = vicinal("loadtest", *target, *SMALL, *arguments)
        return said, read_result(tmp_path / "out" / "loadtest.json")

    return run


def test_two_workers_load_a_service_of_its_own(run_cli, tmp_path):
    flags = ("-n", 3, "-w", 2, "-s", 3, "--rate", 8, "--reads", 8, "--ingest", 2, "--batch", 4)
    done = run_cli("loadtest", *SMALL, "--method", "paper", *flags, "--out", tmp_path / "out")
    assert "p50 of a click" in done.stdout
    assert (tmp_path / "out" / "loadtest.html").read_text().startswith("<!doctype html>")
    result = read_result(tmp_path / "out" / "loadtest.json")
    rows = result.main.tally.rows
    assert result.main.tally.errors == 0
    assert {name: row.planned for name, row in rows.items()} == {
        "click": 24,
        **dict.fromkeys(STEPS, 24),
        **dict.fromkeys(READS, 6),
        "AddSamples": 6,
    }
    for name, row in rows.items():
        assert row.latency.count == row.planned, name
        assert row.server.count == (0 if name == "click" else row.planned), name
    assert sum(rows[step].latency.total for step in STEPS) <= rows["click"].latency.total
    assert rows["Propagate"].server.total <= rows["Propagate"].latency.total
    assert result.echo.count == 500
    assert result.memory
    assert result.inputs["--rate"] == "8.0"
    assert result.inputs["dataset: samples"] == "400 × 8"
    assert result.inputs["dataset: method"] == "paper"
    assert {"numpy", "grpcio", "cores"} <= set(result.environment)


def test_reads_alone_come_again_during_propagations_and_the_dataset_goes(load, vicinal):
    said, result = load("--during-propagation", "--reads", 20, "--read", "export", "-s", 2)
    alone, rows = result.alone.tally.rows, result.main.tally.rows
    assert alone["ExportBeliefs"].planned == 40
    again = [row for name, row in rows.items() if name.startswith("ExportBeliefs")]
    assert sum(row.planned for row in again) == 40
    assert rows["click"].latency.count > 0
    assert not result.main.is_open
    assert "alone, and during a propagation" in said.stdout
    assert "a closed loop" in said.stderr
    assert "loadtest" not in vicinal("status").stdout


def test_the_rate_is_found_and_a_share_of_it_is_run(load):
    said, result = load("--share", 0.5, "--trial", 1, "-s", 1, "--method", "paper", "-n", 2)
    assert result.sustained == max(one.rates["click"] for one in result.trials if one.sustained)
    assert result.main.rates["click"] == pytest.approx(0.5 * result.sustained)
    assert "highest rate that was sustained" in said.stdout


def test_a_dataset_that_exists_is_loaded_and_kept(load, vicinal):
    load("--keep", "-d", "kept", "-s", 1)
    said, result = load("-d", "kept", "-s", 1, "--rate", 4, "--labels", 3)
    assert "loaded as it is" in said.stderr
    assert int(result.inputs["dataset: labels"].replace(",", "")) > 4
    assert result.main.tally.rows["click"].latency.count == 4
    assert "kept" in vicinal("status").stdout


def test_reads_alone_need_no_annotator(load):
    _, result = load("-n", 0, "-w", 2, "-s", 1, "--reads", 20, "--ingest", 2)
    rows = result.main.tally.rows
    assert set(rows) == {*READS, "AddSamples"}
    assert result.echoes is None
    assert sum(row.latency.count for row in rows.values()) == 22


def test_two_runs_are_compared(load, vicinal, tmp_path):
    load("-s", 1)
    path = tmp_path / "out" / "loadtest.json"
    said = vicinal("loadtest", "compare", path, path, "--out", tmp_path / "both.html")
    assert "1.00" in said.stdout
    assert (tmp_path / "both.html").exists()
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "main": None}))
    said = vicinal("loadtest", "compare", path, path, fails=True)
    assert "search for a rate only" in said.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--rate", 5, "--share", 0.8), "--rate and --share contradict"),
        (("--annotators", 0, "--rate", 5), "no annotators"),
        (("--annotators", 0), "nothing is to be done"),
        (("--during-propagation",), "e.g. --reads 20"),
        (("--during-propagation", "--reads", 5, "--find-rate"), "--find-rate ends before"),
        (("--target", "127.0.0.1:1", "--data-dir", "x"), "started here"),
        (("--target", "127.0.0.1:1"), "--target HOST:PORT"),
        (("compare", "nowhere.json", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_cannot_be_is_said(vicinal, flags, said):
    assert said in vicinal("loadtest", *flags, fails=True).stderr
