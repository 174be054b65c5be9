"""The commands against real services, as a user would chain them."""

import csv
import io
import json
import shutil
import threading

import numpy as np
import pytest
from pyarrow import parquet

from vicinal_client import GraphClient

COMMANDS = [
    "up",
    "page",
    "status",
    "demo",
    "add",
    "label",
    "embed",
    "re-embed",
    "suggest",
    "accuracy",
    "flag",
    "noise",
    "propagate",
    "watch",
    "classify",
    "export",
]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def status_of(vicinal, dataset):
    lines = vicinal("status", "--format", "jsonl").stdout.splitlines()
    (found,) = [one for one in map(json.loads, lines) if one["dataset"] == dataset]
    return found


def test_from_images_to_classes(vicinal, pictures, tmp_path):
    said = vicinal("add", pictures, "-d", "colours").stderr
    assert "added 90 samples to the dataset 'colours' (new, with the classes blue, green, red)" in said
    suggested = rows(vicinal("suggest", "-d", "colours", "--count", "6").stdout)
    assert len(suggested) == 6
    assert {row["class"] for row in suggested} == {""}
    first, *others = [row["id"] for row in suggested]
    vicinal("label", first, first.split("/")[0], "-d", "colours")
    table = "id,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in others)
    (tmp_path / "labels.csv").write_text(table)
    assert "stated 5 labels" in vicinal("label", "labels.csv", "-d", "colours").stderr
    counts = {row["class"]: int(row["samples"]) for row in rows(vicinal("propagate", "-d", "colours").stdout)}
    assert sum(counts.values()) == 90
    vicinal("export", "out.parquet", "-d", "colours", "--beliefs")
    exported = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["id"] for row in exported] == sorted(row["id"] for row in exported)
    right = [row["class"] == row["id"].split("/")[0] for row in exported]
    assert np.mean(right) > 0.9
    for row in exported:
        beliefs = [row[f"belief.{name}"] for name in ("blue", "green", "red")]
        assert sum(beliefs) == pytest.approx(1, abs=1e-5)
        assert max(beliefs) == row["confidence"]
    assert status_of(vicinal, "colours")["verified"] == 6


def test_labels_from_folders_are_flagged(vicinal, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "in")
    (tmp_path / "in/red/00.png").rename(tmp_path / "in/blue/wrong.png")
    said = vicinal("add", "in", "-d", "given", "--labels-from-folders", "given").stderr
    assert "added 90 samples and stated 90 labels" in said
    assert status_of(vicinal, "given")["given"] == 90
    lines = vicinal("flag", "-d", "given", "--format", "jsonl", "--evidence", "2").stdout.splitlines()
    first = json.loads(lines[0])
    assert (first["id"], first["label"], first["suggested_class"]) == ("blue/wrong.png", "blue", "red")
    assert first["trust"] == "given"
    assert len(first["evidence"]) == 2
    assert {near["class"] for near in first["evidence"]} == {"red"}
    table = vicinal("flag", "-d", "given", "--format", "table").stdout.splitlines()
    assert table[0].split() == ["id", "label", "suspicion", "suggested_class", "trust", "neighbours"]
    assert table[1].split(maxsplit=5) == [
        *("blue/wrong.png", "blue", f"{first['suspicion']:.3f}", "red", "given"),
        "red, red, red",
    ]
    (top,) = vicinal("flag", "-d", "given", "--budget", "1", "--format", "jsonl").stdout.splitlines()
    assert json.loads(top)["id"] == "blue/wrong.png"
    odd = rows(
        vicinal("flag", "-d", "given", "--kind", "outliers", "--budget", "3", "--format", "csv").stdout
    )
    assert len(odd) == 3
    assert all(row["trust"] == "" for row in odd)
    overall, *others = rows(vicinal("noise", "-d", "given", "--format", "csv").stdout)
    assert float(overall["lower"]) <= float(overall["wrong"]) <= float(overall["upper"]) < 0.3
    assert overall["labels"] == "90"
    assert others[0]["of"] == "class"
    assert (others[-1]["of"], others[-1]["labels"]) == ("annotator", "90")
    assert "at most one" in vicinal("flag", "--budget", "1", "--precision", "0.9", fails=True).stderr
    vicinal("label", "blue/wrong.png", "red", "-d", "given")
    vicinal("label", "blue/wrong.png", "--remove", "-d", "given")
    assert status_of(vicinal, "given")["given"] == 89


def test_what_moves_is_told_while_others_label(vicinal, addresses, pictures, tmp_path):
    vicinal("add", pictures, "-d", "watched", "--classes", "blue,green,red")
    done = threading.Event()

    def label():
        with GraphClient(addresses["VICINAL_GRAPH"]) as client:
            names = client.list_samples("watched").ids
            for turn in range(200):
                name = names[turn * 7 % len(names)]
                client.add_labels("watched", {name: name.split("/")[0]}, annotator=str(turn))
                if done.wait(0.05):
                    return

    other = threading.Thread(target=label)
    other.start()
    try:
        told = vicinal("watch", "-d", "watched", "--all", "--revisions", "3")
    finally:
        done.set()
        other.join()
    moves = rows(told.stdout)
    assert len({row["id"] for row in moves}) == 90
    assert {row["class"] for row in moves} <= {"", "blue", "green", "red"}
    assert "90 samples in all" in told.stderr
    assert told.stderr.count("samples moved") == 2


def test_bad_images_are_named_and_left_out(vicinal, pictures, tmp_path):
    shutil.copytree(pictures / "red", tmp_path / "in")
    (tmp_path / "in/bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "in/empty.jpg").write_bytes(b"")
    (tmp_path / "in/notes.txt").write_text("x")
    said = vicinal("embed", "in", "red.npz").stderr
    assert "2 images could not be embedded" in said
    assert "bad.png" in said
    with np.load(tmp_path / "red.npz") as found:
        assert found["vectors"].shape == (30, 16)
        assert "bad.png" not in found["ids"]
        assert len(str(found["encoder_digest"])) == 64
    only_bad = tmp_path / "bad"
    only_bad.mkdir()
    (tmp_path / "in/bad.png").rename(only_bad / "bad.png")
    assert "none of 1 images" in vicinal("embed", "bad", "out.npz", fails=True).stderr
    assert not (tmp_path / "out.npz").exists()


def test_vectors_of_ones_own(vicinal, tmp_path):
    random = np.random.default_rng(0)
    vectors = np.concatenate([random.normal(side, 0.3, (20, 5)) for side in (-1, 1)])
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "ids.txt").write_text("".join(f"{'ab'[i // 20]}{i}\n" for i in range(40)))
    (tmp_path / "labels.csv").write_text("id,label\na0,minus\nb20,plus\n")
    add = ("add", "v.npy", "-d", "own", "--ids", "ids.txt", "--neighbours", "4", "--labels", "labels.csv")
    assert "(new, with the classes minus, plus)" in vicinal(*add).stderr
    found = status_of(vicinal, "own")
    assert [found[key] for key in ("samples", "given", "neighbours", "encoder_digest")] == [40, 2, 4, ""]
    np.savez(tmp_path / "new.npz", vectors=np.array([[-1.0] * 5, [1.0] * 5]), ids=np.array(["x", "y"]))
    classes = rows(vicinal("classify", "new.npz", "-d", "own").stdout)
    assert [(row["id"], row["class"]) for row in classes] == [("x", "minus"), ("y", "plus")]
    vicinal("add", "v.npy", "-d", "own", "--ids", "ids.txt", "--classes", "plus,zero")
    assert status_of(vicinal, "own")["classes"] == "minus,plus,zero"


def test_embedded_vectors_and_images_are_the_same(vicinal, pictures, tmp_path):
    vicinal("embed", pictures, "all.parquet")
    assert (
        "added 90 samples"
        in vicinal("add", "all.parquet", "-d", "same", "--classes", "red,green,blue").stderr
    )
    vicinal("add", pictures, "-d", "same")
    assert status_of(vicinal, "same")["samples"] == 90
    vicinal("label", "red/00.png", "red", "-d", "same")
    images = rows(vicinal("classify", pictures / "red", "-d", "same").stdout)
    assert len(images) == 30
    assert {row["class"] for row in images} == {"red"}


@pytest.fixture(scope="session")
def small(addresses, tmp_path_factory):
    """A dataset of two vectors, of no known encoder and without labels."""
    from vicinal_client import GraphClient

    with GraphClient(addresses["VICINAL_GRAPH"]) as client:
        client.create_dataset("small", dimension=2, classes=["a", "b"])
        client.add_samples("small", ["x", "y"], np.eye(2))
    return "small"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("suggest -d missing", "UNKNOWN_DATASET"),
        ("propagate -d small", "NOTHING_TO_PROPAGATE"),
        ("label x c -d small", "UNKNOWN_CLASS"),
        ("label z a -d small", "UNKNOWN_SAMPLE"),
        ("label x --remove -d small", "UNKNOWN_LABEL"),
        ("label x -d small", "no class follows it"),
        ("label x a --remove -d small", "--remove takes the id alone"),
        ("label missing.csv -d small", "missing.csv: no such file"),
        ("add PICTURES -d small", "vectors of an encoder that nobody named, and these are of the encoder"),
        ("add PICTURES/red -d new", "is new and needs at least two classes; none are known"),
        ("add PICTURES -d new --classes red,blue --labels-from-folders given", "has no class 'green'"),
        ("add missing -d new", "missing: no such file or folder"),
        ("add wide.npy -d small", "holds vectors of 2 numbers, not of 3"),
        ("add narrow.npy -d small -k 3", "10 neighbours a sample for good"),
        ("add zero.npy -d small", "BAD_VECTOR"),
        ("classify wide.npy -d small", "BAD_TENSOR"),
        ("embed PICTURES out.csv", "out.csv: the ending does not say how to write"),
        ("suggest -d small -n 100000", "OUT_OF_RANGE"),
        ("suggest -d small -o out.txt", "out.txt: the ending does not say how to write"),
        ("suggest -d small --format parquet", "Parquet needs a file"),
        ("export out.csv -d small --format table", "a table is for the terminal"),
        ("status --graph 127.0.0.1:1", "no graph service answers at 127.0.0.1:1"),
        ("embed PICTURES out.npz --embed 127.0.0.1:1", "no embedding service answers at 127.0.0.1:1"),
    ],
)
def test_errors_are_one_line_and_what_to_do(vicinal, small, pictures, tmp_path, command, words):
    np.save(tmp_path / "wide.npy", np.ones((1, 3)))
    np.save(tmp_path / "narrow.npy", np.ones((1, 2)))
    np.save(tmp_path / "zero.npy", np.zeros((1, 2)))
    before = sorted(tmp_path.iterdir())
    done = vicinal(*command.replace("PICTURES", str(pictures)).split(), fails=True)
    assert words in done.stderr
    lines = done.stderr.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("error: ")]
    assert len(lines) - at <= 2, "one line, and one that says what to do"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(vicinal, command):
    said = vicinal(command, "--help").stdout
    assert "Example" in said
    assert f"vicinal {command}" in said.split("Example")[1]


@pytest.mark.parametrize(
    ("platform", "order"),
    [
        ("label-studio", ("serve", "connect")),
        ("fiftyone", ("push", "sync", "pull")),
        ("cvat", ("push", "sync", "pull")),
    ],
)
def test_help_says_how_to_begin_with_a_platform(vicinal, platform, order):
    said = vicinal(platform, "--help").stdout
    assert f"docs/{platform}.md" in said
    steps = [f"pip install 'vicinal[{platform}]'", *(f"vicinal {platform} {one} " for one in order)]
    places = [said.find(step) for step in steps]
    assert places[0] > -1
    assert places == sorted(places)


def test_help_names_every_command(vicinal):
    said = vicinal("--help").stdout
    assert all(f" {command} " in said for command in COMMANDS)


def test_the_process_says_the_same(run_cli):
    assert run_cli("--version").stdout.startswith("vicinal ")
    said = run_cli("status", "--graph", "127.0.0.1:1", "--embed", "127.0.0.1:1", fails=True).stderr
    assert said.splitlines()[0] == "error: no embedding service answers at 127.0.0.1:1"


def test_a_defect_is_told_as_one(vicinal, monkeypatch):
    monkeypatch.setattr("vicinal_cli.commands.embed.scan", lambda _: 1 / 0)
    said = vicinal("embed", "in", "out.npz", fails=True).stderr
    assert said.startswith("error: ZeroDivisionError: division by zero\n")
    assert "VICINAL_TRACEBACK=1" in said


def test_status_says_what_is_served(vicinal, small):
    done = vicinal("status")
    assert "embed service  SERVING" in done.stderr
    assert "tiny, 16 numbers a vector, CPUExecutionProvider" in done.stderr
    assert "small" in {row["dataset"] for row in rows(done.stdout)}
