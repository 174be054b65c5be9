from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vicinal_cli.demo import sample
from vicinal_cli.demo.sample import make


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.unpack(folder)
    return folder


def test_every_class_has_the_same_number(unpacked: Path) -> None:
    counts = Counter(path.parent.name for path in unpacked.glob("*/*"))
    assert counts == dict.fromkeys(make.CLASSES, sample.COUNT // 10)


def test_names_number_the_images(unpacked: Path) -> None:
    assert sorted(path.name for path in unpacked.glob("*/*")) == [f"{i:04}.png" for i in range(sample.COUNT)]


def test_all_decode_and_no_two_are_alike(unpacked: Path) -> None:
    pixels = set()
    for path in unpacked.glob("*/*.png"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
            pixels.add(image.tobytes())
    assert len(pixels) == sample.COUNT


def test_tiles_are_cut_where_they_were_put(unpacked: Path) -> None:
    # A cut that is off by some pixels shows ink at the sides, where trousers have none.
    mean = np.mean([np.asarray(Image.open(path)) for path in (unpacked / "Trouser").iterdir()], axis=0)
    assert mean[:, [0, 1, 2, 25, 26, 27]].max() < 5 < mean[:, 10:18].min()


@pytest.mark.parametrize("packed", [True, False])
def test_sheets_and_unpacking_are_inverse(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Makes a sample of a small IDX set of stripes and finds each of its images again, in its class."""
    rng = np.random.default_rng(1)
    images = np.repeat(rng.integers(0, 256, (200, 28, 1), dtype=np.uint8), 28, axis=2)
    images[100:110] = images[90:100]
    labels = np.tile(np.arange(10, dtype=np.uint8), 20)
    _write_idx(tmp_path / "train-images-idx3-ubyte", images, packed=packed)
    _write_idx(tmp_path / "train-labels-idx1-ubyte", labels, packed=packed)
    for module in (make, sample):
        monkeypatch.setattr(module, "COUNT", 160)
        monkeypatch.setattr(module, "LABELS", tmp_path / "labels.json")
        monkeypatch.setattr(module, "SHEETS", tuple(tmp_path / f"{i}.webp" for i in range(4)))
    make.main([str(tmp_path)])

    sample.unpack(tmp_path / "out")

    of_image = {image.tobytes(): make.CLASSES[label] for image, label in zip(images, labels, strict=True)}
    found = {Image.open(path).tobytes(): path.parent.name for path in (tmp_path / "out").glob("*/*")}
    assert len(found) == 160
    assert found.items() <= of_image.items()


def test_a_file_that_is_not_idx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"no idx file")
    with pytest.raises(SystemExit, match="no IDX file"):
        make.main([str(tmp_path)])


def _write_idx(path: Path, values: npt.NDArray[np.uint8], *, packed: bool) -> None:
    data = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">i4").tobytes() + values.tobytes()
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)
