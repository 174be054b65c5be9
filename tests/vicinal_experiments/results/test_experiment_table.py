import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_experiments.errors import ExperimentError
from vicinal_experiments.results import manifest
from vicinal_experiments.results.table import Key, Table

TEXTS = st.text(min_size=1, max_size=8, alphabet=st.characters(exclude_categories=["Cs", "Cc"]))
KEYS = st.builds(Key, TEXTS, TEXTS, TEXTS, st.integers(0, 99), st.floats(0, 10_000))
METRICS = st.dictionaries(TEXTS, st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=3)


@given(st.dictionaries(KEYS, METRICS, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, measured):
    path = tmp_path_factory.mktemp("table") / "results.csv"
    table = Table(path)
    for key, metrics in measured.items():
        table.add([(key, metrics, 0.5)])
    again = Table(path)
    assert list(again) == list(table)
    assert all(key in again for key in measured)
    assert len(again) == sum(map(len, measured.values()))


def test_a_measurement_stays_as_it_was(tmp_path):
    table = Table(tmp_path / "results.csv")
    key = Key("e", "s", "m", 0, 10)
    table.add([(key, {"accuracy": 0.5}, 1)])
    table.add([(key, {"accuracy": 0.9}, 1)])
    assert [row.value for row in Table(table.path)] == [0.5]


def test_a_torn_end_is_measured_again(tmp_path):
    table = Table(tmp_path / "results.csv")
    keys = [Key("e", "s", "m", seed, 10) for seed in range(3)]
    metrics = {"accuracy": 0.5, "ECE": 0.1}
    for key in keys:
        table.add([(key, metrics, 1)])
    whole = table.path.read_text()
    begin = whole.index("e,s,m,2")
    for end in range(begin + 1, len(whole)):
        if whole[end - 1] == "\n":
            continue
        table.path.write_text(whole[:end])
        again = Table(table.path)
        assert keys[0] in again
        assert keys[2] not in again, whole[begin:end]
        again.add([(key, metrics, 1) for key in keys])
        assert table.path.read_text() == whole


def test_other_files_are_left_alone(tmp_path):
    path = tmp_path / "results.csv"
    for text in ("", "id,label\na,b\n", "experiment,setting,method,seed,level,metric,value,seconds\na,b\n"):
        path.write_text(text)
        with pytest.raises(ExperimentError, match=r"results\.csv"):
            Table(path)
        assert path.read_text() == text


def test_results_of_other_data_are_refused(tmp_path):
    kept = manifest.opened(tmp_path, {"data": "1"}, {})
    kept.commands["knn"] = "vicinal experiment knn"
    kept.write(tmp_path)
    assert manifest.opened(tmp_path, {"data": "1"}, {}).commands == {"knn": "vicinal experiment knn"}
    with pytest.raises(ExperimentError, match="another data"):
        manifest.opened(tmp_path, {"data": "2"}, {})
    assert manifest.read(tmp_path).inputs == {"data": "1"}


def test_no_results(tmp_path):
    with pytest.raises(ExperimentError, match="no results"):
        manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ExperimentError, match="cannot be read"):
        manifest.read(tmp_path)
