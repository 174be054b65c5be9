"""What is found in a folder, how it is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embed_service.training.data.pictures import HeldPictures, LazyPictures, open_pictures, split
from embed_service.training.data.source import find
from embed_service.training.errors import TrainingError
from vicinal.imaging.preprocessing import Preprocessing

FORM = Preprocessing(16, "bicubic", "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
MUCH = 2**30


def silent(sentence: str) -> None:
    pytest.fail(f"told of {sentence!r}")


def save(path: Path, width: int = 16, height: int = 16, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (value, value, value)).save(path)


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for number, name in enumerate(("dogs/b/2.png", "cats/1.png", "dogs/1.jpg", "birds/x.webp")):
        save(tmp_path / name, value=number)
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    source = find(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in source.files] == [
        "birds/x.webp",
        "cats/1.png",
        "dogs/1.jpg",
        "dogs/b/2.png",
    ]
    assert source.classes == ("birds", "cats", "dogs")
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 2, 2]
    assert find(tmp_path, count=2).count == 2


@pytest.mark.parametrize("names", [("a.png", "dogs/b.png"), ("only/a.png", "only/b.png")])
def test_without_a_class_for_every_picture_there_are_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        save(tmp_path / name)
    assert find(tmp_path).labels is None


def sheet(path: Path, rows: int, columns: int, side: int, first: int) -> None:
    pixels = np.zeros((rows * side, columns * side, 3), dtype=np.uint8)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pixels[row * side : (row + 1) * side, column * side : (column + 1) * side] = first + number
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("kind", ["npz", "json"])
def test_sheets_are_tiles_row_by_row_with_labels_of_their_own(tmp_path: Path, kind: str) -> None:
    images, labels = tmp_path / "sheets", tmp_path / f"labels.{kind}"
    images.mkdir()
    sheet(images / "0.png", 2, 3, 8, first=0)
    sheet(images / "1.png", 1, 3, 8, first=6)
    numbers = list(range(9))[::-1]
    if kind == "npz":
        np.savez(labels, label=np.array(numbers, dtype=np.uint8), classes=np.array(list("abcdefghi")))
    else:
        labels.write_text(json.dumps({"labels": numbers, "classes": list("abcdefghi")}))
    source = find(images, tile=8, labels=labels, count=8)
    pictures = open_pictures(source, FORM, MUCH, silent)
    assert len(pictures) == 8
    batch = pictures.batch(np.array([7, 0, 4]))
    assert batch.shape == (3, 3, 8, 8)
    assert batch[:, 0, 0, 0].tolist() == [7, 0, 4]
    assert (batch == batch[:, :1, :1, :1]).all()
    assert pictures.labels is not None
    assert pictures.labels.tolist() == numbers[:8]
    assert source.classes == tuple("abcdefghi")


def test_pictures_are_as_large_as_training_needs_them(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 10, 12)
    save(tmp_path / "b.png", 20, 14)
    assert open_pictures(find(tmp_path), FORM, MUCH, silent).batch(np.array([0])).shape == (1, 3, 14, 14)
    save(tmp_path / "c.png", 300, 200)
    assert open_pictures(find(tmp_path), FORM, MUCH, silent).batch(np.array([0])).shape == (1, 3, 24, 24)


def test_held_and_lazy_pictures_are_the_same(pictures_folder: Path) -> None:
    source = find(pictures_folder)
    held = open_pictures(source, FORM, MUCH, silent)
    lazy = open_pictures(source, FORM, 1000, silent)
    assert isinstance(held, HeldPictures)
    assert isinstance(lazy, LazyPictures)
    indices = np.array([90, 3, 3, 40])
    assert torch.equal(held.batch(indices), lazy.batch(indices))
    assert len(held) == len(lazy) == 96


def test_held_out_pictures_are_not_trained_on(pictures_folder: Path) -> None:
    whole = open_pictures(find(pictures_folder), FORM, MUCH, silent)
    assert split(whole, 0) == (whole, whole)
    trained, probed = split(whole, 20)
    assert (len(trained), len(probed)) == (76, 20)
    everything = {whole.batch(np.array([i])).numpy().tobytes() for i in range(96)}
    seen = [
        {part.batch(np.array([i])).numpy().tobytes() for i in range(len(part))} for part in (trained, probed)
    ]
    assert seen[0] | seen[1] == everything
    assert not seen[0] & seen[1]
    assert torch.equal(split(whole, 20)[1].batch(np.arange(20)), probed.batch(np.arange(20)))
    assert whole.labels is not None
    assert trained.labels is not None
    assert probed.labels is not None
    assert sorted([*trained.labels, *probed.labels]) == sorted(whole.labels)
    assert set(probed.labels) == {0, 1, 2}
    with pytest.raises(TrainingError, match="96 images cannot be held out of 96"):
        split(whole, 96)


def test_unreadable_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", value=number)
    (tmp_path / "a" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nand then nothing")
    told: list[str] = []
    pictures = open_pictures(find(tmp_path), FORM, MUCH, told.append)
    assert pictures.labels is not None
    assert pictures.labels.tolist() == [0, 1, 1]
    assert pictures.batch(np.arange(3))[:, 0, 0, 0].tolist() == [2, 1, 3]
    assert len(told) == 1
    assert "1 images cannot be read" in told[0]
    assert "0.png" in told[0]
    lazy = open_pictures(find(tmp_path), FORM, 0, silent)
    with pytest.raises(TrainingError, match=r"0\.png.*mend the file, then resume"):
        lazy.batch(np.array([0]))


def test_folders_that_cannot_be_trained_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no folder"):
        find(tmp_path / "nowhere")
    with pytest.raises(TrainingError, match="holds no images"):
        find(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"none of the 1 images can be read, such as .*bad\.png"):
        open_pictures(find(tmp_path), FORM, MUCH, silent)
    with pytest.raises(TrainingError, match=r"bad\.png cannot be read"):
        find(tmp_path, tile=8)
    save(tmp_path / "bad.png", 30, 16)
    with pytest.raises(TrainingError, match="30 × 16 pixels, which is no grid of tiles of 8"):
        find(tmp_path, tile=8)
    with pytest.raises(TrainingError, match="raise the limit or take fewer"):
        open_pictures(find(tmp_path, tile=2), FORM, 100, silent)


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a" / "0.png")
    labels = tmp_path / "labels.npz"
    np.savez(labels, label=np.zeros(3))
    with pytest.raises(TrainingError, match="holds 3 labels for 1 images"):
        find(tmp_path / "a", labels=labels)
    np.savez(labels, wrong=np.zeros(1))
    with pytest.raises(TrainingError, match="cannot be read as labels"):
        find(tmp_path / "a", labels=labels)
    np.savez(labels, label=np.array([-1]))
    with pytest.raises(TrainingError, match="holds the label -1, expected numbers from 0"):
        find(tmp_path / "a", labels=labels)
    (tmp_path / "cut.npz").write_bytes(labels.read_bytes()[:40])
    np.save(tmp_path / "column.npy", np.zeros(1))
    for name in ("none.json", "cut.npz", "column.npy"):
        with pytest.raises(TrainingError, match="cannot be read as labels"):
            find(tmp_path / "a", labels=tmp_path / name)
