"""Encoders by URL wherever --embed stands; our own service plays the server of another make."""

import csv
import io
import json

import numpy as np
import pytest

PREPROCESSING = {
    "size": 8,
    "resize": "bilinear",
    "fit": "stretch",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}


@pytest.fixture
def elsewhere(addresses, tmp_path):
    """The URL of the tiny encoder; its preprocessing is in tiny.json."""
    (tmp_path / "tiny.json").write_text(json.dumps(PREPROCESSING))
    return f"triton://{addresses['VICINAL_EMBED']}/tiny"


@pytest.fixture
def ours(vicinal, pictures, tmp_path):
    """What our own client makes of the pictures."""
    vicinal("embed", pictures, "ours.npz")
    return dict(np.load(tmp_path / "ours.npz"))


@pytest.mark.parametrize("query", ["", "?preprocessing=tiny.json&batch=7"])
def test_the_vectors_are_those_of_our_own_client(vicinal, elsewhere, ours, pictures, tmp_path, query):
    vicinal("embed", pictures, "theirs.npz", "--embed", elsewhere.replace("triton", "kserve") + query)
    theirs = dict(np.load(tmp_path / "theirs.npz"))
    assert theirs.keys() == ours.keys()
    for name, value in ours.items():
        if name == "vectors":
            np.testing.assert_allclose(theirs[name], value, atol=1e-5)
        else:
            np.testing.assert_array_equal(theirs[name], value)


def test_a_dataset_from_images_to_classes(vicinal, elsewhere, pictures):
    """Added, shown, classified and moved over without the embedding service."""
    other = f"{elsewhere}?encoder-digest={'ab' * 32}"
    vicinal("add", pictures, "-d", "elsewhere", "--labels-from-folders", "given", "--embed", other)
    assert "ab" * 32 in vicinal("status", "--embed", other).stderr
    table = vicinal("classify", pictures / "red", "-d", "elsewhere", "--embed", other).stdout
    assert {row["class"] for row in csv.DictReader(io.StringIO(table))} == {"red"}
    assert (
        "vectors of the encoder abababababab…"
        in vicinal("add", pictures, "-d", "elsewhere", "--embed", elsewhere, fails=True).stderr
    )
    vicinal("re-embed", pictures, "-d", "elsewhere", "--embed", elsewhere)
    vicinal("add", pictures, "-d", "elsewhere")  # of our own service, which has the same encoder


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("triton://127.0.0.1:1/tiny", "no server of triton://127.0.0.1:1/tiny answers at 127.0.0.1:1"),
        ("triton://127.0.0.1:8001", "does not name a server and a model"),
        ("triton:///tiny", "does not name a server and a model"),
        ("triton://127.0.0.1:99999/tiny", "Port out of range"),
        ("triton://[::1/tiny", "Invalid IPv6 URL"),
        ("URL/tiny?batsh=3", "batsh is none of version, preprocessing,"),
        ("URL/tiny?batch=0", "batch is '0', expected a number of at least 1"),
        ("URL/tiny?preprocessing=gone.json", "gone.json: No such file"),
        ("URL/tiny?preprocessing=wrong.json", "lacks size"),
        ("URL/tiny?preprocessing=binary.json", "binary.json is no preprocessing: 'utf-8' codec"),
        ("URL/tiny?output=logits", "0 outputs 'logits'"),
        ("URL/unheard-of", "is not SERVING"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(vicinal, elsewhere, pictures, tmp_path, target, words):
    (tmp_path / "wrong.json").write_text("{}")
    (tmp_path / "binary.json").write_bytes(b"\xff")
    target = target.replace("URL/tiny", elsewhere).replace("URL", elsewhere.removesuffix("/tiny"))
    said = vicinal("embed", pictures, "out.npz", "--embed", target, fails=True).stderr
    assert words in said
    assert not (tmp_path / "out.npz").exists()


def test_commands_about_our_own_service_say_so(vicinal, elsewhere):
    said = vicinal("encoders", "list", "--embed", elsewhere, fails=True).stderr
    assert "is no embedding service of vicinal's" in said
