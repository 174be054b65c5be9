"""The report page: well-formed, whole in itself, and true to the findings."""

from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from vicinal_cli.demo.findings import Findings, Spread
from vicinal_cli.demo.noise import Hunt
from vicinal_cli.demo.play import Point
from vicinal_cli.demo.report.page import page
from vicinal_client import Evidence, Flag, Label

OPEN_ENDED = {"meta", "img", "br", "tr", "th", "td", "line", "circle", "polyline", "polygon"}
HOSTILE = '<script>alert("x")</script>&amp;'


class Page(HTMLParser):
    """What stands in a page: tags that are opened and closed, addresses, text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        if tag not in OPEN_ENDED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in OPEN_ENDED:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def findings(tmp_path):
    """Findings about four samples, whose ids and classes try to be markup."""
    ids = [f"{HOSTILE}/{i}.png" for i in range(4)]
    random = np.random.default_rng(0)
    pictures = {}
    for i, name in enumerate(ids):
        pictures[name] = tmp_path / f"{i}.png"
        side = 8 if i else 300
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(pictures[name])
    truth = dict.fromkeys(ids, HOSTILE)
    evidence = (Evidence(ids[2], 0.6, HOSTILE, 0.91), Evidence(ids[3], 0.4, "dog", 0.9))
    flags = [Flag(Label(name, "dog"), 0.875, HOSTILE, evidence) for name in ids[:2]]
    return Findings(
        pictures=pictures,
        truth=truth,
        classes=("dog", HOSTILE),
        suggested=[Point(10, 0.611, ids[:1]), Point(20, 0.722, ids)],
        random=[Spread(10, 0.433, 0.4, 0.5), Spread(20, 0.544, 0.5, 0.6)],
        draws=5,
        class_accuracy={HOSTILE: 0.722},
        hunt=Hunt(dict.fromkeys(ids, "dog"), {ids[0], ids[3]}, [(ids[1], 0.9), (ids[0], 0.6)], flags),
        facts=[("machine", HOSTILE)],
        timings=[("embedding", 1.25)],
        command=f"vicinal demo --images '{HOSTILE}'",
    )


def test_the_page_is_well_formed_and_loads_nothing(findings):
    text = page(findings)
    read = Page(text)
    assert read.open == []
    assert "script" not in read.tags
    assert "link" not in read.tags
    assert "url(" not in text
    assert "@import" not in text
    assert read.addresses
    assert all(address.startswith("data:image/") for address in read.addresses)


def test_the_page_says_what_was_found(findings):
    text = Page(page(findings)).text
    for words in (
        "61%",
        "72%",
        "1 of 2",
        "0 of 2",
        "43.3%",
        "40.0% to 50.0%",
        "50.0%",
        "25.0%",
        "0.88",
        "1.2 s",
        HOSTILE,
    ):
        assert words in text, words
    assert page(findings).count('class="mark own"') == 1


def test_pictures_are_small(findings):
    assert len(page(findings)) < 60_000


def test_a_page_without_flags(findings):
    hunt = Hunt(findings.hunt.labels, findings.hunt.wrong, [], [])
    assert Page(page(Findings(**{**vars(findings), "hunt": hunt}))).open == []
