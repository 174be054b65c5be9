"""Who is let in."""

import httpx
import pytest

from vicinal_page.settings import Settings

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "10.0.0.7:80", "[::2]", ""]
)
def test_names_that_are_not_this_machines(web, host):
    """A page of another site whose name was made to lead here (DNS rebinding)."""
    answer = web.get("/api/datasets", headers={"host": host})
    assert answer.status_code in (400, 421), answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_names_of_this_machine(web, host):
    assert web.get("/api/datasets", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example", "x"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/undo"), ("GET", "/api/state?dataset=d")])
def test_other_sites_send_nothing_here(web, method, path, origin):
    answer = web.request(method, path, json={}, headers={"origin": origin})
    assert (answer.status_code, answer.json()["reason"]) == (403, "FOREIGN_ORIGIN")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_browsers_say_who_sent_them(web, site):
    headers = {"sec-fetch-site": site}
    assert web.get("/api/image?dataset=d&id=000.png", headers=headers).status_code == 403
    assert web.get("/", headers=headers).status_code == 200  # a link to the page is no harm


def test_the_page_itself_is_let_in(web, page_address):
    headers = {"origin": page_address, "sec-fetch-site": "same-origin"}
    answer = web.post("/api/queue", json={"dataset": "none", "annotator": "ada"}, headers=headers)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_forms_are_no_json(web, kind):
    answer = web.post(
        "/api/undo", content=b'{"dataset": "d", "annotator": "a"}', headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["reason"]) == (415, "NOT_JSON")


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/datasets", "/api/nothing", "/api/state"])
def test_every_answer_keeps_strangers_out(web, path):
    headers = web.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "page.example"])
def test_a_page_that_others_can_reach_needs_a_token(host):
    with pytest.raises(ValueError, match="needs a token"):
        Settings("127.0.0.1:1", host)
    assert Settings("127.0.0.1:1", host, token="word").token == "word"


def test_who_knows_the_token(tmp_path, graph_address, run_page):
    token = "ein Wort & mehr"
    with run_page(tmp_path, graph_address, token=token) as address, httpx.Client(base_url=address) as web:
        for path in ("/", "/static/app.js", "/api/datasets"):
            assert web.get(path).status_code == 401
        assert web.get("/api/datasets", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert web.get("/api/datasets", params={"token": token[:-1]}).status_code == 401
        assert (
            web.get("/api/datasets", headers={"authorization": "Bearer ein Wort & mehr"}).status_code == 200
        )
        assert not web.cookies
        greeted = web.get("/", params={"token": token, "dataset": "d"})
        assert greeted.status_code == 303
        assert "token" not in greeted.headers["location"]
        cookie = greeted.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert web.get("/api/datasets").status_code == 200
        # Who knows it may call the page what he likes; another site's script still may not.
        assert web.get("/api/datasets", headers={"host": "page.example"}).status_code == 200
        assert web.post("/api/undo", json={}, headers={"origin": "https://evil.example"}).status_code == 403
