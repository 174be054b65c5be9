"""The page as people meet it: in a browser, by the keyboard alone."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from vicinal_client import Label, Trust

KEYS = "1234567890"


def sample(page):
    return page.inner_text(".stage .sample-id")


def labels(page):
    return int(page.inner_text("#label-count"))


def curve(page):
    """What is drawn: the share of sure beliefs, and the estimate."""
    return [page.get_attribute(f".rail path.{kind}", "d") for kind in ("second", "first")]


def label_one(page, truth):
    """Label the sample that is shown by the key of its class; return what was said."""
    here = sample(page)
    names = page.locator(".choice span").all_inner_texts()
    page.keyboard.press(KEYS[names.index(truth[here])])
    page.wait_for_function("id => document.querySelector('.stage .sample-id')?.innerText !== id", arg=here)
    return here, truth[here]


def until_labels(page, count):
    page.wait_for_function("n => document.querySelector('#label-count')?.innerText === `${n}`", arg=count)


def stated(graph, dataset, annotator="ada"):
    labels = graph.list_labels(dataset, min_revision=0).labels
    return {label.sample_id: label.class_name for label in labels if label.annotator == annotator}


def test_ten_labels_by_keyboard_and_nothing_is_lost(open_page, graph, dataset, images, shoot):
    page = open_page(f"dataset={dataset}")
    page.wait_for_selector("dialog input")
    page.keyboard.type("ada")
    page.keyboard.press("Enter")
    page.wait_for_selector(".choice")
    assert labels(page) == 0
    drawn = [curve(page)]
    said = {}
    for count in range(1, 11):
        said |= dict([label_one(page, images[1])])
        until_labels(page, count)
        drawn.append(curve(page))
    assert stated(graph, dataset) == said
    assert len(said) == 10
    # The curve has moved with the labels, and there is an estimate.
    assert len({path for path, _ in drawn}) >= 8
    assert drawn[-1][1].startswith("M")
    assert re.search(r"\d % right: \d+ of \d+ audited", page.inner_text(".legend").replace("\n", " "))
    next_up = sample(page)
    page.reload()
    page.wait_for_selector(".choice")
    until_labels(page, 10)
    assert curve(page) == drawn[-1]
    assert sample(page) == next_up
    shoot(page, "label")
    # Neither is what may be taken back.
    last = list(said)[-1]
    page.keyboard.press("u")
    until_labels(page, 9)
    page.wait_for_function("id => document.querySelector('.stage .sample-id').innerText === id", arg=last)
    assert stated(graph, dataset) == {key: name for key, name in said.items() if key != last}


def test_flags_are_taken_and_kept_by_keyboard(open_page, graph, doubtful, shoot):
    dataset, wrong = doubtful
    page = open_page(f"dataset={dataset}&annotator=ada")
    page.wait_for_selector(".choice")
    page.keyboard.press("f")
    page.wait_for_selector(".verdict")
    first = page.inner_text(".flag-detail .sample-id")
    suggested = page.inner_text(".verdict.take").split("Take ")[1]
    assert first in wrong
    assert page.locator(".flag-detail .companion").count() >= 3
    shoot(page, "flags")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "id => document.querySelector('.flag-detail .sample-id').innerText !== id", arg=first
    )
    page.keyboard.press("j")
    second = page.inner_text(".flag-detail .sample-id")
    kept = page.inner_text(".verdict:not(.take)").split("Keep ")[1]
    page.keyboard.press("n")
    page.wait_for_function(
        "id => document.querySelector('.flag-detail .sample-id').innerText !== id", arg=second
    )
    page.wait_for_function("() => document.querySelector('#told').innerText.startsWith('Kept')")
    page.keyboard.press("l")
    until_labels(page, 2)
    assert stated(graph, dataset) == {first: suggested, second: kept}
    assert all(
        label.trust is Trust.VERIFIED for label in graph.list_labels(dataset).labels if label.annotator
    )
    page.keyboard.press("f")
    page.reload()
    page.wait_for_selector(".verdict")
    left = page.locator(".flag img").evaluate_all("all => all.map(one => one.alt)")
    assert left
    assert not {f"Sample {first}", f"Sample {second}"} & set(left)
    page.keyboard.press("u")
    page.wait_for_function(
        "id => document.querySelector('.flag-detail .sample-id').innerText === id", arg=second
    )
    assert stated(graph, dataset) == {first: suggested}


def test_the_belief_is_accepted_by_enter_but_not_in_the_audit(open_page, graph, dataset, images):
    truth = images[1]
    graph.add_labels(dataset, {name: truth[name] for name in list(truth)[::10]}, annotator="bob")
    page = open_page(f"dataset={dataset}&annotator=ada")
    page.wait_for_selector(".choice")
    accepted, audited = {}, 0
    while not (accepted and audited):
        here = sample(page)
        if page.locator(".blind").count():
            audited += 1
            assert not page.locator(".companion, .choice.believed").count()
            page.keyboard.press("Enter")
            assert sample(page) == here
            label_one(page, truth)
        else:
            accepted[here] = page.inner_text(".belief b")
            page.keyboard.press("Enter")
            page.wait_for_function(
                "id => document.querySelector('.stage .sample-id').innerText !== id", arg=here
            )
    until_labels(page, len(list(truth)[::10]) + len(accepted) + audited)
    assert accepted.items() <= stated(graph, dataset).items()


def test_a_class_is_found_by_typing_and_help_by_asking(open_page, graph, dataset):
    page = open_page(f"dataset={dataset}&annotator=ada")
    page.wait_for_selector(".choice")
    page.keyboard.press("?")
    page.wait_for_selector("dialog .keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    here = sample(page)
    page.keyboard.press("/")
    page.wait_for_selector("dialog input")
    page.keyboard.type("trou")
    page.keyboard.press("Enter")
    until_labels(page, 1)
    assert stated(graph, dataset) == {here: "Trouser"}
    skipped = sample(page)
    page.keyboard.press("s")
    page.wait_for_function("id => document.querySelector('.stage .sample-id').innerText !== id", arg=skipped)
    page.reload()
    page.wait_for_selector(".choice")
    assert sample(page) not in (here, skipped)


def test_what_others_do_is_seen_at_once(open_page, graph, dataset, images):
    page = open_page(f"dataset={dataset}&annotator=ada")
    page.wait_for_selector(".choice")
    before = curve(page)
    truth = images[1]
    graph.add_labels(dataset, {name: truth[name] for name in list(truth)[::9]}, annotator="bob")
    until_labels(page, len(list(truth)[::9]))
    assert curve(page) != before
    page.keyboard.press("o")
    page.wait_for_selector(".masses")
    believed = page.locator(".masses .number").all_inner_texts()
    assert sum(map(int, believed)) == len(truth)


def test_a_restart_of_the_pages_server_is_survived(open_page, page_server, graph, dataset, images):
    with page_server() as address:
        page = open_page(f"dataset={dataset}&annotator=ada", address=address, may_complain=True)
        page.wait_for_selector(".choice")
        label_one(page, images[1])
        until_labels(page, 1)
    page.wait_for_selector("#trouble:not([hidden])")
    with page_server(address):
        page.wait_for_selector("#trouble", state="hidden")
        page.wait_for_selector(".choice")
        label_one(page, images[1])
        until_labels(page, 2)
        assert len(stated(graph, dataset)) == 2
        page.context.close()


def test_a_label_that_is_refused_comes_back(open_page, graph, dataset):
    page = open_page(f"dataset={dataset}&annotator=ada", may_complain=True)
    page.wait_for_selector(".choice")
    here = sample(page)
    page.route("**/api/label", lambda route: route.abort())
    page.keyboard.press("1")
    page.wait_for_selector("#toast:not([hidden])")
    assert sample(page) == here
    page.unroute("**/api/label")
    page.keyboard.press("1")
    until_labels(page, 1)
    assert here in stated(graph, dataset)


def test_it_fits_narrow_windows_and_dark_rooms(open_page, dataset, doubtful, shoot):
    for scheme, width in (("dark", 1360), ("light", 400), ("dark", 400), ("light", 820)):
        for name, area, ready in (
            (dataset, "l", ".choice"),
            (doubtful[0], "f", ".verdict"),
            (dataset, "o", ".masses"),
        ):
            page = open_page(f"dataset={name}&annotator=ada&area={area}", width=width, scheme=scheme)
            page.wait_for_selector(ready)
            shoot(page, f"{area}-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.context.close()


@contextmanager
def other_site():
    """The address of a page of somebody else's."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


ATTACK = """async ([address, body]) => {
  const told = [];
  const ways = [["no-cors", "text/plain"], ["cors", "application/json"], ["cors", "text/plain"]];
  for (const [mode, type] of ways) {
    const asked = { method: "POST", mode, headers: { "content-type": type }, body };
    const answer = fetch(`${address}api/label`, asked);
    told.push(await answer.then((told) => told.text()).catch(() => "refused"));
  }
  for (const path of ["api/datasets", "api/image?dataset=d&id=0000.png"])
    told.push(await fetch(address + path).then((answer) => answer.text()).catch(() => "refused"));
  const image = new Image();
  told.push(await new Promise((done) => {
    image.onload = () => done("loaded");
    image.onerror = () => done("refused");
    image.src = `${address}api/image?dataset=d&id=0000.png`;
  }));
  return told;
}"""


def test_another_site_in_the_same_browser_gets_nowhere(browser, services, graph, dataset, images):
    name = next(iter(images[1]))
    body = f'{{"dataset": "{dataset}", "annotator": "eve", "sample": "{name}", "class": "Bag"}}'
    context = browser.new_context()
    with other_site() as there:
        page = context.new_page()
        page.goto(there)
        told = page.evaluate(ATTACK, [services[0], body])
    context.close()
    assert told == ["refused"] * 6
    assert Label(name, "Bag", "eve") not in graph.list_labels(dataset, min_revision=0).labels
