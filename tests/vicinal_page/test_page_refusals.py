"""Requests that the page refuses, and how."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

WHO = {"dataset": "none", "annotator": "ada"}


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b"", "MALFORMED", None),
        (b"{", "MALFORMED", None),
        (b"\xff\xfe", "MALFORMED", None),
        (b"[" * 9000, "MALFORMED", None),
        (b'["a"]', "MALFORMED", None),
        (b'{"annotator": "ada"}', "FIELD_REQUIRED", "dataset"),
        (b'{"dataset": "d"}', "FIELD_REQUIRED", "annotator"),
        (b'{"dataset": "d", "annotator": ""}', "FIELD_REQUIRED", "annotator"),
        (b'{"dataset": "d", "annotator": 7}', "MALFORMED", "annotator"),
        (b'{"dataset": "d", "annotator": ["x"]}', "MALFORMED", "annotator"),
        (b'{"dataset": "d", "annotator": "a\\u0000b"}', "MALFORMED", "annotator"),
        (json.dumps({"dataset": "d", "annotator": "x" * 513}).encode(), "OUT_OF_RANGE", "annotator"),
    ],
)
def test_bodies_that_say_nothing(web, body, reason, field):
    answer = web.post("/api/queue", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert answer.json().get("field") == field


def test_a_body_that_does_not_end(web):
    body = json.dumps(WHO | {"padding": "x" * 100_000})
    answer = web.post("/api/queue", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("settles", [1, "yes", [], None])
def test_a_flag_is_settled_or_not(web, dataset, settles):
    body = {"dataset": dataset, "annotator": "ada", "sample": "000.png", "class": "cat", "settles": settles}
    answer = web.post("/api/label", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, "settles")


@pytest.mark.parametrize(
    ("path", "fields", "status", "reason"),
    [
        ("queue", {}, 404, "UNKNOWN_DATASET"),
        ("queue", {"dataset": "no name"}, 404, "UNKNOWN_DATASET"),
        ("label", {"sample": "s", "class": "c"}, 404, "UNKNOWN_DATASET"),
        ("undo", {}, 404, "UNKNOWN_DATASET"),
    ],
)
def test_datasets_that_are_not_there(web, path, fields, status, reason):
    answer = web.post(f"/api/{path}", json=WHO | fields)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_what_the_service_refuses_is_passed_on(web, dataset):
    who = {"dataset": dataset, "annotator": "ada"}
    answer = web.post("/api/label", json=who | {"sample": "000.png", "class": "horse"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "UNKNOWN_CLASS")
    answer = web.post("/api/label", json=who | {"sample": "nobody.png", "class": "cat"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "UNKNOWN_SAMPLE")


@pytest.mark.parametrize("query", ["", "dataset=", "dataset=%00", "dataset=none", "dataset=x&revision=-1"])
@pytest.mark.parametrize("path", ["state", "flags"])
def test_queries_that_name_nothing(web, path, query):
    assert web.get(f"/api/{path}?{query}").status_code in (400, 404)


@pytest.mark.parametrize("revision", ["x", "1e3", "-1", "9" * 30, "１"])
def test_revisions_that_are_no_numbers(web, dataset, revision):
    answer = web.get("/api/state", params={"dataset": dataset, "revision": revision})
    assert (answer.status_code, answer.json()["field"]) == (400, "revision")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/..%2fsettings.py",
        "/static/%2e%2e/settings.py",
        "/static//etc/passwd",
        "/static/..\\settings.py",
        "/../../etc/passwd",
        "/static/%00",
        "/api",
        "/api/nothing",
    ],
)
def test_paths_that_lead_nowhere(page_address, path):
    where = urlsplit(page_address)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    connection.putrequest("GET", path, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 404, answer.read()


def test_writes_by_the_wrong_method(web, dataset):
    assert web.get("/api/label", params={"dataset": dataset}).status_code == 405
    assert web.put("/api/label", json=WHO).status_code == 405
    assert web.delete("/api/state", headers={"content-type": "application/json"}).status_code == 405
