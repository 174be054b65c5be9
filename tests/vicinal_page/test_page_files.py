"""What browsers are given: all of it there, and nothing from elsewhere."""

import re
from pathlib import Path

import pytest

import vicinal_page

STATIC = Path(vicinal_page.__file__).parent / "static"
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(web, path):
    text = path.read_text(encoding="utf-8").replace(NAMESPACE, "")
    assert not re.search(r"https?://|//cdn|@import|innerHTML|eval\(|style=", text)
    assert web.get(f"/static/{path.name}").content == path.read_bytes()


def test_all_that_is_named_is_there():
    named = set()
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'from "\./([^"]+)"', text)) | set(re.findall(r'"/static/([^"]+)"', text))
    assert named >= {"app.js", "style.css", "charts.js"}
    assert named <= {path.name for path in STATIC.iterdir()}
    assert {path.name for path in STATIC.iterdir()} <= named | {"index.html"}


def test_no_key_means_two_things():
    keys = re.findall(r'const (?:DIGITS|LETTERS) = "([^"]+)"', (STATIC / "classes.js").read_text())
    classes = "".join(keys)
    assert len(set(classes)) == len(classes)
    areas = {
        key for path in STATIC.glob("*.js") for key in re.findall(r'^  key = "(.)"', path.read_text(), re.M)
    }
    assert areas == set("lfo")
    actions = {
        key
        for name in ("label", "flags")
        for key in re.findall(r'key === "(.)"', (STATIC / f"{name}.js").read_text())
    }
    assert not set(classes) & (areas | actions)
