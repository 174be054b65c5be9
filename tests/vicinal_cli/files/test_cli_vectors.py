import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import parquet

from vicinal_cli.errors import CliError
from vicinal_cli.files.vector_set import VectorSet
from vicinal_cli.files.vectors import check_ending, is_vector_file, read_vectors, write_vectors

DIGEST = "ab" * 32
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@st.composite
def vector_sets(draw):
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    vectors = draw(hnp.arrays(np.float32, (len(ids), draw(st.integers(1, 5))), elements=st.floats(width=32)))
    hashes = draw(
        st.none() | st.lists(st.binary(min_size=32, max_size=32), min_size=len(ids), max_size=len(ids))
    )
    return VectorSet(ids, vectors, hashes, draw(st.sampled_from(["", DIGEST])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@pytest.mark.parametrize("ending", [".npy", ".npz", ".parquet"])
@given(written=vector_sets())
def test_what_is_written_is_read(folder, ending, written):
    path = folder / f"v{ending}"
    write_vectors(path, written)
    read = read_vectors(path)
    assert list(read.ids) == list(written.ids)
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert read.vectors.dtype == np.float32
    assert read.content_sha256 == written.content_sha256
    assert read.encoder_digest == written.encoder_digest
    assert not list(folder.glob(".v*"))


def test_ids_come_from_the_flag_then_the_file_then_the_row(tmp_path):
    vectors = np.eye(2, dtype=np.float32)
    np.save(tmp_path / "v.npy", vectors)
    assert read_vectors(tmp_path / "v.npy").ids == ["row-0", "row-1"]
    (tmp_path / "v.ids.csv").write_text("id\na\nb\n")
    assert read_vectors(tmp_path / "v.npy").ids == ["a", "b"]
    (tmp_path / "ids.txt").write_text("über\nc d\n")
    assert read_vectors(tmp_path / "v.npy", ids_file=tmp_path / "ids.txt").ids == ["über", "c d"]


def test_arrays_and_columns_of_other_names_are_found(tmp_path):
    vectors = np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "v.npz", features=vectors, names=np.array(["a", "b"]), note=np.array(3))
    found = read_vectors(tmp_path / "v.npz")
    assert found.ids == ["a", "b"]
    np.testing.assert_array_equal(found.vectors, vectors)
    table = pa.table({"id": [7, 8], "embedding": [[0.0, 1.0], [2.0, 3.0]], "size": [1, 2]})
    parquet.write_table(table, tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.ids == ["7", "8"]
    np.testing.assert_array_equal(found.vectors, [[0, 1], [2, 3]])


def bad_files(folder):
    """Yield a file that cannot be taken and a word of the message."""

    def save(name, *args, **arrays):
        np.save(folder / name, *args, **arrays) if args else np.savez(folder / name, **arrays)
        return folder / name

    def table(name, **columns):
        parquet.write_table(pa.table(columns), folder / name)
        return folder / name

    def text(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    square, names = np.ones((2, 2)), np.array(["a", "b"])
    yield folder / "missing.npy", "no such file"
    yield text("cut.npy", b"\x93NUMPY\x01\x00v\x00{'descr'"), "numpy cannot read"
    yield text("empty.npz", b""), "numpy cannot read"
    yield text("text.parquet", b"id,vector"), "no Parquet file"
    yield save("objects.npy", np.array([{}], dtype=object)), "Python objects"
    yield save("flat.npy", np.ones(4)), r"float64 \(4,\)"
    yield save("words.npy", np.array([["a", "b"]])), "holds <U1"
    yield save("none.npz", ids=names), "no array of vectors"
    yield save("two.npz", first=square, second=square), "first, second could each be the vectors"
    yield save("many_ids.npz", vectors=square, ids=np.array(["a"])), "1 ids for 2 vectors"
    yield save("twice.npz", vectors=square, ids=np.array(["a", "a"])), "'a' stands twice"
    yield save("hash.npz", vectors=square, content_sha256=np.ones((2, 3), np.uint8)), "content_sha256"
    yield table("ragged.parquet", vector=[[1.0], [1.0, 2.0]]), "different lengths: 1, 2"
    yield table("null.parquet", vector=[[1.0], None]), "different lengths"
    yield table("no_list.parquet", x=[1.0]), "which column holds the vectors"
    yield table("words.parquet", vector=[["a"], ["b"]]), "expected numbers"
    yield table("no_id.parquet", id=["a", None], vector=[[1.0], [2.0]]), "row 2: the id is empty"
    yield table("hash.parquet", vector=[[1.0]], content_sha256=["ab"]), "holds no bytes"


def test_bad_files_are_told_apart(tmp_path):
    for path, words in bad_files(tmp_path):
        with pytest.raises(CliError, match=words):
            read_vectors(path)


def test_a_digest_must_not_contradict_the_file(tmp_path):
    write_vectors(tmp_path / "v.npz", VectorSet(["a"], np.ones((1, 2), np.float32), None, DIGEST))
    assert read_vectors(tmp_path / "v.npz", encoder_digest=DIGEST).encoder_digest == DIGEST
    with pytest.raises(CliError, match="made by the encoder abab"):
        read_vectors(tmp_path / "v.npz", encoder_digest="cd" * 32)


def test_endings(tmp_path):
    assert is_vector_file(tmp_path / "V.NPZ")
    assert not is_vector_file(tmp_path)
    with pytest.raises(CliError, match=r"v\.csv: the ending"):
        check_ending(tmp_path / "v.csv")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "v.npz"
    write_vectors(path, VectorSet(["a"], np.ones((1, 2), np.float32)))
    with pytest.raises(ValueError, match="pickle"):
        write_vectors(path, VectorSet(["a"], np.array([[object()]])))
    assert read_vectors(path).ids == ["a"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.npz"]
