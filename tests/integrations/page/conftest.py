"""A real Chromium in front of `vicinal up`, on 400 real images.

Run by `make test-integrations`, in an environment of its own. Screenshots go to $VICINAL_SCREENSHOTS, if set.
"""

import itertools
import os
import random
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from vicinal_cli.demo.sample import unpack
from vicinal_client import GraphClient, Trust

PER_CLASS = 40
PLANTED = 12
SOURCE = "source"
_names = (f"fashion-{i}" for i in itertools.count(1))


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of images by number, and the class of each."""
    whole, flat = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("images")
    unpack(whole)
    truth = {}
    for folder in sorted(whole.iterdir()):
        for path in sorted(folder.iterdir())[:PER_CLASS]:
            shutil.copy(path, flat / path.name)
            truth[path.name] = folder.name
    return flat, truth


@pytest.fixture(scope="session")
def services(tmp_path_factory, images):
    """`vicinal up` with its page: its address, and the environment that says where the services are."""
    flags = ["--embed-port", "0", "--graph-port", "0", "--page-port", "0", "--images", str(images[0])]
    process = subprocess.Popen(
        [sys.executable, "-m", "vicinal_cli", "up", *flags],
        cwd=tmp_path_factory.mktemp("up"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://\S+", line):
            break
    else:
        raise AssertionError(said)
    lines = (process.stdout.readline() for _ in range(2))
    where = dict(line.strip().removeprefix("export ").split("=") for line in lines)
    yield found.group(), where
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said


@pytest.fixture
def page_server(services, images):
    """A page of this test's own before the same services; `page_server(address)` is one at that address."""

    @contextmanager
    def running(address=""):
        port = address.rstrip("/").rpartition(":")[2] or "0"
        flags = ["--page-port", port, "--images", str(images[0])]
        process = subprocess.Popen(
            [sys.executable, "-m", "vicinal_cli", "page", *flags],
            env={**os.environ, **services[1]},
            stderr=subprocess.PIPE,
            text=True,
        )
        yield re.search(r"http://\S+", process.stderr.readline()).group()
        process.terminate()
        assert process.wait(30) == 0

    return running


@pytest.fixture(scope="session")
def graph(services):
    with GraphClient(services[1]["VICINAL_GRAPH"], timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def add(services, images):
    """Add the images as a new dataset, as a user does; return its name."""

    def added():
        name = next(_names)
        classes = ",".join(sorted(set(images[1].values())))
        subprocess.run(
            [sys.executable, "-m", "vicinal_cli", "add", images[0], "--dataset", name, "--classes", classes],
            env={**os.environ, **services[1]},
            check=True,
        )
        return name

    return added


@pytest.fixture
def dataset(add):
    """The name of a dataset of all the images, without labels."""
    return add()


@pytest.fixture
def doubtful(add, graph, images):
    """The name of a dataset whose labels came with the data, and those that are wrong."""
    name, truth = add(), images[1]
    rng = random.Random(2)
    classes = sorted(set(truth.values()))
    wrong = {
        sample: rng.choice([one for one in classes if one != truth[sample]])
        for sample in rng.sample(sorted(truth), PLANTED)
    }
    graph.add_labels(name, truth | wrong, trust=Trust.GIVEN)
    return name, wrong


@pytest.fixture(scope="session")
def browser():
    path = os.environ.get("VICINAL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on the PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # A sandbox of its own is refused to root.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, services):
    """Open the page in a browser that was never here: `open_page("dataset=d&annotator=ada", width=400)`.

    At the end: no script failed, and nothing was asked of anybody else.
    """
    contexts, trouble = [], []

    def opened(query="", *, address=services[0], width=1360, height=900, scheme="light", may_complain=False):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        if not may_complain:
            page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
        page.on("request", lambda asked: asked.url.startswith(address) or trouble.append(asked.url))
        page.goto(f"{address}?{query}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not trouble


@pytest.fixture(scope="session")
def shoot():
    """Take a screenshot if somebody wants to look at it."""
    folder = os.environ.get("VICINAL_SCREENSHOTS")

    def shot(page, name):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.wait_for_load_state("load")
            page.wait_for_timeout(500)
            page.screenshot(path=Path(folder) / f"{name}.png")

    return shot
