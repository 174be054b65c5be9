from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from embed_service.training.data.source import find
from embed_service.training.errors import TrainingError
from embed_service.training.export.images import drawn, of_source
from vicinal.imaging.preprocessing import Preprocessing

FORM = Preprocessing(8, "bilinear", "crop", (0.5,) * 3, (0.5,) * 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """80 grey images, each of a shade of its own; the darker half is one class."""
    folder = tmp_path_factory.mktemp("images")
    for shade in range(80):
        path = folder / ("dark" if shade < 40 else "light") / f"{shade:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (12, 10), (3 * shade,) * 3).save(path)
    return folder


def shades(pixels):
    return (pixels[:, 0, 0, 0] // 3).tolist()


def test_no_image_is_calibrated_on_and_judged_by(folder):
    examples = of_source(find(folder), FORM, print, calibrated=32, judged=40)
    assert examples.calibration.shape == (32, 8, 8, 3)
    assert examples.judged.shape == (40, 8, 8, 3)
    assert len({*shades(examples.calibration), *shades(examples.judged)}) == 72
    assert examples.labels.tolist() == [int(shade >= 40) for shade in shades(examples.judged)]


def test_the_same_images_every_time(folder):
    first, second = (of_source(find(folder), FORM, print, 32, 40) for _ in range(2))
    np.testing.assert_array_equal(first.judged, second.judged)
    np.testing.assert_array_equal(first.calibration, second.calibration)


def test_of_few_images_half_are_calibrated_on(folder):
    examples = of_source(find(folder), FORM, print)
    assert len(examples.calibration) == len(examples.judged) == 40


def test_unreadable_images_are_left_out_and_named(folder, tmp_path):
    for path in folder.rglob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    said = []
    examples = of_source(find(tmp_path), FORM, said.append)
    assert len(examples.calibration) + len(examples.judged) == 80
    assert examples.labels is None
    assert [sentence for sentence in said if "torn.png" in sentence]


def test_too_few_images_are_refused(folder):
    with pytest.raises(TrainingError, match="20 images are too few"):
        of_source(find(folder, count=20), FORM, print)


def test_tiles_of_sheets_are_images(tmp_path):
    shade = np.repeat(np.arange(64, dtype=np.uint8) * 3, 16).reshape(8, 8, 4, 4)
    for number, rows in enumerate(np.split(shade, 2)):
        sheet = rows.transpose(0, 2, 1, 3).reshape(16, 32)
        Image.fromarray(np.repeat(sheet[..., None], 3, axis=2)).save(tmp_path / f"sheet_{number}.png")
    np.savez(tmp_path / "labels.npz", label=np.arange(64) % 5)
    examples = of_source(find(tmp_path, 4, tmp_path / "labels.npz"), FORM, print, 16, 40)
    assert len({*shades(examples.calibration), *shades(examples.judged)}) == 56
    assert examples.labels.tolist() == [shade % 5 for shade in shades(examples.judged)]


def test_drawn_pictures_have_no_labels():
    examples = drawn(FORM, 32)
    assert examples.calibration.shape == (32, 8, 8, 3)
    assert examples.labels is None
    assert not any((examples.calibration == picture).all(axis=(1, 2, 3)).any() for picture in examples.judged)
