"""`vicinal encoders` against a real service: the default is changed while it runs, and changed back."""

import csv
import io

import pytest


@pytest.fixture
def listed(vicinal):
    """Name → row of `vicinal encoders list`."""

    def listed():
        rows = csv.DictReader(io.StringIO(vicinal("encoders", "list").stdout))
        return {row["name"]: row for row in rows}

    return listed


@pytest.fixture
def only_tiny(vicinal, listed):
    """Whatever the test does, afterwards the service is as it was."""
    yield
    vicinal("encoders", "default", "tiny")
    for name in listed().keys() - {"tiny"}:
        vicinal("encoders", "unload", name)


def test_a_dataset_moves_to_no_encoder_that_is_not_there(vicinal, pictures):
    vicinal("add", pictures, "-d", "stays")
    said = vicinal("re-embed", pictures, "-d", "stays", "--encoder-digest", "ab" * 32, fails=True).stderr
    assert f"has no encoder {'ab' * 32}" in said
    assert "vicinal encoders list" in said
    assert "vicinal encoders load" in said
    assert "re-embed" not in said


@pytest.mark.usefixtures("only_tiny")
def test_a_switch_and_the_way_back(vicinal, listed, pictures, tmp_path):
    assert "other.onnx" in vicinal("encoders", "list").stderr
    assert [(row["default"], row["ready"]) for row in listed().values()] == [("yes", "yes")]

    assert "loaded other: digest" in vicinal("encoders", "load", "other.onnx").stderr
    rows = listed()
    assert {name: row["default"] for name, row in rows.items()} == {"tiny": "yes", "other": "no"}
    assert rows["other"]["digest"] != rows["tiny"]["digest"]

    assert "the default is other" in vicinal("encoders", "default", rows["other"]["digest"][:10]).stderr
    vicinal("embed", pictures / "red", "red.npz")
    assert rows["other"]["digest"] in vicinal("status").stderr

    assert "error: " in vicinal("encoders", "unload", "other", fails=True).stderr
    vicinal("encoders", "default", "tiny")
    assert "unloaded other" in vicinal("encoders", "unload", "other").stderr
    assert list(listed()) == ["tiny"]


@pytest.mark.usefixtures("only_tiny")
def test_load_and_make_default_at_once(vicinal, listed):
    assert "loaded other, the default now" in vicinal("encoders", "load", "other.onnx", "--default").stderr
    assert listed()["other"]["default"] == "yes"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("load missing.onnx", "no file 'missing.onnx'"),
        ("load ../tiny.onnx", "plain name"),
        ("default nobody", "no encoder 'nobody' is loaded"),
        ("unload tiny", "make another the default first"),
    ],
)
def test_what_cannot_be_done_is_said(vicinal, listed, command, message):
    assert message in vicinal("encoders", *command.split(), fails=True).stderr
    assert list(listed()) == ["tiny"]


@pytest.mark.usefixtures("only_tiny")
def test_a_name_that_fits_two_is_refused(vicinal):
    vicinal("encoders", "load", "other.onnx")
    said = vicinal("encoders", "unload", "", fails=True).stderr
    assert "may mean" in said
    assert "more of its digest" in said
