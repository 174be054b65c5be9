import os

import pytest

from vicinal_cli.errors import CliError
from vicinal_cli.files.folders import scan


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_ids_are_paths_and_classes_are_first_folders(tmp_path):
    put(tmp_path, "cat/b.png", "cat/deep/er/a.JPG", "dog/a.webp", "loose.gif")
    folder = scan(tmp_path)
    assert [(image.id, image.class_name) for image in folder.images] == [
        ("cat/b.png", "cat"),
        ("cat/deep/er/a.JPG", "cat"),
        ("dog/a.webp", "dog"),
        ("loose.gif", None),
    ]
    assert folder.classes == ("cat", "dog")
    assert all(image.path == tmp_path / image.id for image in folder.images)


def test_hidden_and_other_files_are_left_out(tmp_path):
    put(tmp_path, "a.png", "._a.png", ".cache/b.png", "notes.txt", "b.svg")
    folder = scan(tmp_path)
    assert [image.id for image in folder.images] == ["a.png"]
    assert folder.passed_over == 2


def test_one_file_is_a_folder_of_one(tmp_path):
    put(tmp_path, "cat/a.png")
    (image,) = scan(tmp_path / "cat/a.png").images
    assert (image.id, image.class_name) == ("a.png", None)


def test_a_name_that_is_not_unicode_is_refused_alone(tmp_path):
    put(tmp_path, "good.png")
    try:
        (tmp_path / os.fsdecode(b"b\xff.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    folder = scan(tmp_path)
    assert [image.id for image in folder.images] == ["good.png"]
    assert len(folder.refused) == 1


def test_nothing_there_is_an_error(tmp_path):
    put(tmp_path, "notes.txt")
    with pytest.raises(CliError, match="no image in it"):
        scan(tmp_path)
    with pytest.raises(CliError, match="no such file or folder"):
        scan(tmp_path / "missing")
