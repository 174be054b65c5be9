"""The page of a load test, and of two: well-formed, whole in itself, and true to what was found."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.report.histograms import histograms
from vicinal_cli.loadtest.report.page import comparison_page, page
from vicinal_cli.loadtest.report.svg import Axis
from vicinal_cli.loadtest.report.tables import beside, comparison, result_tables
from vicinal_cli.loadtest.report.told import headlines, warnings
from vicinal_cli.loadtest.result import Result, read_result

OPEN_ENDED = {"meta", "br", "tr", "th", "td", "line", "polyline"}


class Page(HTMLParser):
    """What stands in a page: tags that are opened and closed, addresses, text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in OPEN_ENDED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in OPEN_ENDED:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def check(text, hostile):
    found = Page(text)
    assert found.addresses == []
    assert "script" not in found.tags
    assert "http" not in text
    assert hostile in found.text
    return found


def test_the_page_is_whole_and_tells_what_was_found(make_result, hostile):
    result = make_result()
    found = check(page(result), hostile)
    assert found.tags.count("svg") == 2
    for words in (
        "20 clicks a second",
        "ExportBeliefs",
        "sustained",
        "resident memory",
        "--annotators",
        "3.11",
    ):
        assert words in found.text
    click = result.main.tally.rows["click"].latency
    assert f"{1e3 * click.quantile(0.5):.1f}" in found.text
    assert f"{result.echoes:.1f} echoes" in found.text


def test_a_search_alone_has_a_page_too(make_result, hostile):
    result = make_result()
    found = check(page(Result(**{**vars(result), "main": None, "alone": None, "memory": []})), hostile)
    assert "svg" not in found.tags
    assert "15.0/s" in found.text


def test_two_results_stand_side_by_side(make_result, hostile):
    one, other = make_result(), make_result(1, slower=2.0, command="vicinal loadtest --other")
    found = check(comparison_page(one, other, one.main, other.main), hostile)
    assert "vicinal loadtest --other" in found.text
    table = comparison(one.main, other.main)
    ratios = {row[0]: float(row[5]) for row in table.rows}
    assert ratios == pytest.approx({"click": 2.0, "ExportBeliefs": 2.0}, rel=0.15)


def test_reads_are_set_beside_those_alone(make_result):
    result = make_result()
    (row,) = beside(result.alone, result.main).rows
    assert row[:2] == ["ExportBeliefs", f"{result.alone.tally.rows['ExportBeliefs'].latency.count:,}"]
    assert float(row[5]) == pytest.approx(1.0, abs=0.15)


def test_json_keeps_all(make_result, tmp_path):
    result = make_result()
    path = tmp_path / "loadtest.json"
    path.write_text(result.to_json(), encoding="utf-8")
    assert read_result(path) == result
    assert page(read_result(path)) == page(result)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is no result"),
        ("[1]", "is no result"),
        ("no JSON", "is no result"),
        ('{"vicinal_loadtest": 99}', "another version"),
        ('{"vicinal_loadtest": 1}', "is no result"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "loadtest.json"
    path.write_text(content)
    with pytest.raises(CliError, match=said):
        read_result(path)


def test_headlines_and_warnings(make_result):
    result = make_result()
    told = dict(reversed(one) for one in headlines(result))
    assert told["p99 of a click, in its p50"] == f"{result.spread:.2f} ×"
    assert any("memory" in what for what in told)
    assert warnings(result) == []
    for _ in range(100):
        result.main.tally.lag.add(0.2)
    result.main.tally.unfinished = 500
    late, backlog = warnings(result)
    assert "--workers" in late
    assert "queue" in backlog
    result.main.rates.pop("click")
    assert any("closed loop" in one for one in warnings(result))


@pytest.mark.parametrize("width", [40, 200])
def test_a_narrow_terminal_loses_no_figure(make_result, width):
    result = make_result()
    for table in result_tables(result):
        console = Console(file=io.StringIO(), width=width)
        table.show(console)
        said = console.file.getvalue()
        for row in table.rows:
            assert all(cell.strip() in said for cell in row)


def test_bars_stand_for_all_that_was_counted(make_result):
    click = make_result().main.tally.rows["click"].latency
    drawn = histograms([{"click": click, "nothing": Histogram()}])
    assert (
        sum(int(count.replace(",", "")) for count in re.findall(r"s: ([\d,]+)</title>", drawn)) == click.count
    )
    assert histograms([{"nothing": Histogram()}]) == ""


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 10, 0, 100), [0, 2, 4, 6, 8, 10]),
        (Axis(0, 0.7, 0, 100), [0, 0.2, 0.4, 0.6]),
        (Axis(0.001, 0.1, 0, 100, log=True), [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]),
        (Axis(1e-5, 9.0, 0, 100, log=True), [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0]),
    ],
)
def test_axes_are_marked_at_round_values(axis, ticks):
    assert axis.ticks() == pytest.approx(ticks)
    assert axis.at(axis.low) == axis.start
    assert axis.at(axis.high) == pytest.approx(axis.end)


def test_the_file_is_json_that_others_can_read(make_result):
    found = json.loads(make_result().to_json())
    assert found["main"]["tally"]["rows"]["click"]["planned"] == 1800
