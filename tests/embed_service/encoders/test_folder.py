"""Names of encoders: what is in the folder, and no way out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embed_service.encoders.folder import EncoderFolder
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound, ServiceError


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `in` with two encoders, and what is none: other files, folders, links; an encoder outside."""
    house = tmp_path_factory.mktemp("house")
    (house / "in" / "deep.onnx").mkdir(parents=True)
    (house / "in" / "deep").mkdir()
    for name in ("in/b.onnx", "in/a.onnx", "in/notes.txt", "in/deep/c.onnx", "out.onnx"):
        (house / name).write_bytes(b"x")
    (house / "in" / "twin.onnx").symlink_to("a.onnx")
    (house / "in" / "leak.onnx").symlink_to(house / "out.onnx")
    (house / "in" / "down.onnx").symlink_to("deep/c.onnx")
    (house / "in" / "gone.onnx").symlink_to("nothing")
    return house


def test_names(house: Path) -> None:
    assert EncoderFolder(house / "in").names() == ["a.onnx", "b.onnx", "twin.onnx"]
    assert EncoderFolder(house / "nowhere").names() == []
    assert EncoderFolder(None).names() == []


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("c.onnx", NotFound, "FILE_NOT_FOUND"),
        ("deep.onnx", NotFound, "FILE_NOT_FOUND"),
        ("gone.onnx", NotFound, "FILE_NOT_FOUND"),
        ("leak.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("down.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("notes.txt", InvalidArgument, "BAD_FILE_NAME"),
        ("../out.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("deep/c.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("deep\\c.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("C:out.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("./a.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("a.onnx\0", InvalidArgument, "BAD_FILE_NAME"),
        ("a\0.onnx", InvalidArgument, "BAD_FILE_NAME"),
        (".", InvalidArgument, "BAD_FILE_NAME"),
    ],
)
def test_refusals(house: Path, name: str, kind: type[ServiceError], reason: str) -> None:
    with pytest.raises(kind) as caught:
        EncoderFolder(house / "in").path(name)
    assert (caught.value.reason, caught.value.metadata) == (reason, {"field": "file", "value": name})


def test_without_a_folder_there_is_nothing() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        EncoderFolder(None).path("a.onnx")
    assert caught.value.reason == "NO_ENCODER_FOLDER"


PARTS = st.sampled_from(
    ["a.onnx", "out.onnx", "deep", "c.onnx", "..", ".", "/", "\\", "//", "in", "~", "%2e"]
)


@given(st.one_of(st.text(), st.lists(PARTS).map("/".join), st.lists(PARTS).map("".join)))
@example("../in/a.onnx")
@example("x" * 300 + ".onnx")
def test_no_name_leads_out(house: Path, name: str) -> None:
    try:
        path = EncoderFolder(house / "in").path(name)
    except (InvalidArgument, NotFound):
        return
    assert path.parent == house / "in"
    assert path.resolve() in {house / "in" / "a.onnx", house / "in" / "b.onnx"}
