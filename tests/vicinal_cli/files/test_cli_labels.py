import pyarrow as pa
import pytest
from pyarrow import parquet

from vicinal_cli.errors import CliError
from vicinal_cli.files.labels import class_names, classes_of, read_ids, read_labels
from vicinal_client import Label, Trust


def write(folder, text, name="labels.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def labels_in(path, annotator="me", trust=Trust.VERIFIED):
    return read_labels(path, annotator=annotator, trust=trust)


def test_columns_are_found_by_name(tmp_path):
    path = write(tmp_path, 'note,label,id\nx,cat,"a,1"\n,dog,b\n')
    assert labels_in(path) == [Label("a,1", "cat", "me"), Label("b", "dog", "me")]


def test_the_file_overrules_the_flags(tmp_path):
    path = write(tmp_path, "id,label,annotator,trust\na,cat,ann,GIVEN\na,dog,,\n")
    assert labels_in(path) == [
        Label("a", "cat", "ann", Trust.GIVEN),
        Label("a", "dog", "me", Trust.VERIFIED),
    ]


def test_a_spreadsheets_csv_is_read(tmp_path):
    path = write(tmp_path, 'id,label\r\n"two\nlines",cat\r\n\r\nb,dog\r\n', encoding="utf-8-sig")
    assert labels_in(path) == [Label("two\nlines", "cat", "me"), Label("b", "dog", "me")]


def test_parquet_says_the_same(tmp_path):
    table = pa.table(
        {"id": [1, 2], "label": pa.array(["cat", "dog"]).dictionary_encode(), "trust": ["given", None]}
    )
    parquet.write_table(table, tmp_path / "labels.parquet")
    assert labels_in(tmp_path / "labels.parquet") == [
        Label("1", "cat", "me", Trust.GIVEN),
        Label("2", "dog", "me"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the column 'id' is missing"),
        ("id;label\na;cat\n", "the column 'id' is missing"),
        ("id,label\n", "no labels"),
        ("id,label\na,cat\nb\n", "line 3: 1 cells, but the header names 2"),
        ("id,label\na,\n", "no labels in it"),
        ("id,label\n,cat\n", "line 2: the id is empty"),
        ("id,label\na,cat\na,dog\n", "line 3: 'a' is labelled twice"),
        ("id,label,trust\na,cat,sure\n", "line 2: the trust is 'sure'"),
        ('id,label\na,"cat\n' + "x" * 200_000 + '"\n', "no CSV that can be read"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, words):
    with pytest.raises(CliError, match=words):
        labels_in(write(tmp_path, text))


def test_where_nothing_is_filled_in_it_is_said_what_is_to_be(tmp_path):
    with pytest.raises(CliError) as caught:
        labels_in(write(tmp_path, "id,label\na,\n"))
    assert caught.value.hint == "fill in its column label"


def test_bad_files_are_named(tmp_path):
    with pytest.raises(CliError, match="not UTF-8 text at byte 10"):
        labels_in(write(tmp_path, "id,label\na\xe9,cat\n", encoding="latin-1"))
    with pytest.raises(CliError, match="no such file"):
        labels_in(tmp_path / "missing.csv")
    with pytest.raises(CliError, match=r"expected a \.csv or \.parquet file"):
        labels_in(write(tmp_path, "id,label\n", name="labels.xlsx"))
    with pytest.raises(CliError, match="no Parquet file"):
        labels_in(write(tmp_path, "id,label\n", name="labels.parquet"))


def test_ids(tmp_path):
    assert read_ids(write(tmp_path, "a\n b \n", name="ids.txt")) == ["a", " b "]
    assert read_ids(write(tmp_path, "x,id\n1,a\n2,b", name="ids.csv")) == ["a", "b"]
    with pytest.raises(CliError, match="line 2: the id is empty"):
        read_ids(write(tmp_path, "a\n\nb\n", name="ids.txt"))


def test_class_names(tmp_path):
    assert class_names("cat, dog") == ["cat", "dog"]
    assert class_names(str(write(tmp_path, "cat, the animal\n\ndog\n", name="c.txt"))) == [
        "cat, the animal",
        "dog",
    ]
    for bad in ("cat,,dog", "cat,cat", ""):
        with pytest.raises(CliError, match="empty or stands twice"):
            class_names(bad)
    assert classes_of([Label("a", "dog"), Label("b", "cat"), Label("c", "dog")]) == ["cat", "dog"]


def test_rows_not_filled_in_yet_are_passed_over(tmp_path):
    path = tmp_path / "todo.csv"
    path.write_text("id,score,class,confidence,label\na,1,dog,0.5,cat\nb,0.9,dog,0.4,\nc,0.8,,0,dog\n")
    labels = read_labels(path, annotator="me", trust=Trust.VERIFIED)
    assert [(label.sample_id, label.class_name) for label in labels] == [("a", "cat"), ("c", "dog")]
