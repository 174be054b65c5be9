"""`vicinal fiftyone`, as a user would chain the commands."""

import subprocess
import sys

import pytest


@pytest.fixture
def vicinal(graph_service, embed_service, graph, embed, monkeypatch):
    monkeypatch.setenv("VICINAL_GRAPH", graph_service.address)
    monkeypatch.setenv("VICINAL_EMBED", embed_service.address)

    def run(*arguments):
        command = [sys.executable, "-m", "vicinal_cli", "fiftyone", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    return run


def test_push_pull_sync(vicinal, dataset, graph, name):
    status, said = vicinal("push", dataset.name, "--label-field", "ground_truth", "--classes", "Scarf, Hat")
    assert (status, f"dataset {name!r}: 510 samples added" in said) == (0, True), said
    assert graph.get_dataset(name).classes[:2] == ("Scarf", "Hat")
    status, said = vicinal("pull", dataset.name, "--count", "7")
    assert (status, "510 samples have a belief; 7 to label next" in said) == (0, True), said
    dataset.reload()
    first = dataset.first()
    first["ground_truth"].label = "Hat"
    first.save()
    status, said = vicinal("sync", dataset.name)
    assert (status, "1 labels stated, 0 taken back" in said) == (0, True), said


def test_errors_are_one_line_with_what_to_do(vicinal, dataset):
    status, said = vicinal("sync", "no such dataset")
    assert (status, said.count("\n")) == (1, 1)
    assert "FiftyOne has no dataset 'no such dataset'" in said
    status, said = vicinal("pull", dataset.name)
    assert (status, "UNKNOWN_DATASET" in said) == (1, True), said


def test_the_plugin_is_installed_where_it_is_wanted(vicinal, tmp_path):
    assert vicinal("install-plugin", str(tmp_path))[0] == 0
    assert sorted(one.name for one in (tmp_path / "vicinal").iterdir()) == ["__init__.py", "fiftyone.yml"]
