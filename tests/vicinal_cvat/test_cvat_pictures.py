from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vicinal_cvat.pictures import png_of


def picture(mode, size=(6, 4)):
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pixels_stay_as_they_are(mode):
    image = picture(mode)
    with Image.open(BytesIO(png_of(image))) as back:
        assert back.format == "PNG"
        assert back.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "F"])
def test_what_png_cannot_carry_becomes_rgb(mode):
    with Image.open(BytesIO(png_of(picture(mode)))) as back:
        assert back.mode == "RGB"


def test_one_picture_is_the_same_bytes_whatever_came_with_it():
    image = picture("RGB")
    plain = png_of(image)
    image.info |= {"icc_profile": b"x" * 100, "comment": b"hello", "dpi": (72, 72), "gamma": 0.5}
    assert png_of(image) == plain


def test_a_turned_photograph_is_upright():
    image = picture("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = BytesIO()
    image.save(file, "PNG", exif=exif)
    with Image.open(file) as turned, Image.open(BytesIO(png_of(turned))) as back:
        assert back.size == (4, 6)
        assert back.tobytes() == image.rotate(-90, expand=True).tobytes()
        assert back.getexif().get(0x0112) is None
