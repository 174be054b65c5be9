"""Small copies of images, and files that are none of the page's business."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vicinal_page.images import Images, NoImage


def asked(web, sample, **fields):
    return web.get("/api/image", params={"dataset": "any", "id": sample, **fields})


def test_a_small_image_is_shown_as_it_is(web, pictures):
    answer = asked(web, "003.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    shown = Image.open(BytesIO(answer.content))
    assert shown.tobytes() == Image.open(pictures / "003.png").tobytes()


@pytest.mark.parametrize(("size", "shape"), [(160, (160, 90)), (800, (800, 450))])
def test_a_large_image_is_made_small(web, size, shape):
    answer = asked(web, "below/großes Bild.JPG", size=size)
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(BytesIO(answer.content)).size == shape


def test_browsers_need_not_fetch_it_again(web, pictures):
    (pictures / "fresh.png").write_bytes((pictures / "001.png").read_bytes())
    etag = asked(web, "fresh.png").headers["etag"]
    again = web.get("/api/image?dataset=any&id=fresh.png", headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert asked(web, "fresh.png", size=800).headers["etag"] != etag
    Image.new("RGB", (9, 9)).save(pictures / "fresh.png")
    changed = web.get("/api/image?dataset=any&id=fresh.png", headers={"if-none-match": etag})
    assert changed.status_code == 200
    assert Image.open(BytesIO(changed.content)).size == (9, 9)


OUTSIDE = [
    "../secret.png",
    "below/../../secret.png",
    "/etc/hostname.png",
    "//000.png",
    "..\\secret.png",
    "out.png",
    ".hidden.png",
    "note.txt",
    "below",
    "below/",
    "missing.png",
    "000.png/..",
    "0" * 400 + ".png",
]


@pytest.mark.parametrize("sample", OUTSIDE)
def test_other_files_are_not_shown(web, sample):
    answer = asked(web, sample)
    assert (answer.status_code, answer.json()["reason"]) == (404, "UNKNOWN_IMAGE")


def test_images_that_cannot_be_shown(web, pictures, bomb):
    assert asked(web, "broken.png").json()["reason"] == "IMAGE_CORRUPT"
    (pictures / "bomb.png").write_bytes(bomb)
    answer = asked(web, "bomb.png")
    assert (answer.status_code, answer.json()["reason"]) == (415, "TOO_MANY_PIXELS")


@pytest.mark.parametrize("fields", [{"size": "0"}, {"size": "161"}, {"size": "x"}, {"size": "99999"}])
def test_only_some_sizes_are_made(web, fields):
    assert asked(web, "000.png", **fields).json()["reason"] == "OUT_OF_RANGE"


@given(
    st.lists(st.sampled_from(["..", ".", "", "below", "/", "\\", "000", "é", "\udc80", "~"])).map("/".join)
)
def test_whatever_is_asked_for_lies_below_the_folder(pictures, sample):
    images = Images(pictures)
    try:
        path, _ = images.find(f"{sample}.png", 160)
    except NoImage:
        return
    assert path.is_relative_to(pictures.resolve())


def test_each_dataset_has_its_own_folder(tmp_path, graph_address, run_page, pictures):
    import httpx

    (tmp_path / "other").mkdir()
    Image.new("RGB", (5, 5)).save(tmp_path / "other" / "000.png")
    flags = ("--images", f"one={pictures}", "--images", f"two={tmp_path / 'other'}")
    with run_page(tmp_path, graph_address, *flags) as address, httpx.Client(base_url=address) as web:
        sizes = {}
        for name in ("one", "two"):
            answer = web.get("/api/image", params={"dataset": name, "id": "000.png"})
            sizes[name] = Image.open(BytesIO(answer.content)).size
        assert sizes == {"one": (40, 30), "two": (5, 5)}
        answer = web.get("/api/image", params={"dataset": "three", "id": "000.png"})
        assert (answer.status_code, answer.json()["reason"]) == (404, "NO_IMAGES")
