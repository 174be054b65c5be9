"""The HTTP contract over a socket: who is let in, what is answered, what hostile bodies come to."""

import base64
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vicinal_client import AsyncEmbedClient, AsyncGraphClient
from vicinal_label_studio.app import make_app
from vicinal_label_studio.bridge import Bridge, Wishes
from vicinal_label_studio.guard import SECRET_HEADER, Guard, webhook_secret
from vicinal_label_studio.platform import LabelStudio

SECRET = webhook_secret("a token", 1)
BASIC = {"Authorization": "Basic " + base64.b64encode(b"ann:pass:word").decode()}
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="choice" toName="image">'
    '<Choice value="a"/><Choice value="b"/></Choices></View>'
)
MAX_BODY = 20_000


@pytest.fixture
async def bridge():
    """A bridge whose both sides are away: answers come from memory, and there is nothing in it."""
    platform = LabelStudio("http://127.0.0.1:9", "a token")
    graph, embed = AsyncGraphClient("127.0.0.1:9"), AsyncEmbedClient("127.0.0.1:9")
    async with platform, graph, embed:
        yield Bridge(Wishes(1, "label-studio-1"), platform, graph, embed)


@pytest.fixture
async def ask(bridge):
    """A client of the back end that brings no password."""
    transport = httpx.ASGITransport(app_of(bridge), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://back-end") as client:
        yield client


def app_of(bridge, password="pass:word"):
    @asynccontextmanager
    async def idle():
        yield

    return make_app(bridge, Guard("ann", password, SECRET), lifespan=idle, max_body=MAX_BODY)


ROUTES = [
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("GET", "/versions"),
    ("POST", "/webhook"),
    ("GET", "/metrics"),
    ("GET", "/status"),
    ("GET", "/"),
]


async def test_health_is_for_everybody(ask):
    response = await ask.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "UP")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Bearer " + SECRET},
        {"Authorization": "Basic " + base64.b64encode(b"ann:wrong").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"bob:pass:word").decode()},
        {SECRET_HEADER: "x" * 64},
        {SECRET_HEADER: ""},
    ],
)
async def test_nothing_else_is_for_strangers(ask, bridge, method, path, headers):
    response = await ask.request(method, path, headers=headers, content=b"{}")
    assert response.status_code == 401
    assert response.json()["reason"] == "UNAUTHENTICATED"
    assert not bridge.agenda.wants_survey


async def test_the_secret_is_for_webhooks_only(ask):
    headers = {SECRET_HEADER: SECRET}
    assert (await ask.post("/webhook", headers=headers, json={"action": "x"})).status_code == 202
    assert (await ask.get("/status", headers=headers)).status_code == 401
    assert (await ask.post("/webhook", headers=BASIC, json={"action": "x"})).status_code == 202


async def test_without_a_password_everybody_is_let_in(bridge):
    transport = httpx.ASGITransport(app_of(bridge, None))
    async with httpx.AsyncClient(transport=transport, base_url="http://back-end") as client:
        assert (await client.get("/versions")).json() == {"versions": ["vicinal-label-studio-1"]}


async def test_setup_says_which_projects_it_answers(ask, bridge):
    good = {"project": "1.17", "schema": CONFIG, "hostname": "http://elsewhere", "access_token": "x"}
    response = await ask.post("/setup", headers=BASIC, json=good)
    assert response.json() == {"model_version": "vicinal-label-studio-1"}
    assert bridge.agenda.wants_survey, "it may have been connected just now"
    other = await ask.post("/setup", headers=BASIC, json={**good, "project": "2.17"})
    assert (other.status_code, other.json()["reason"]) == (400, "ANOTHER_PROJECT")
    boxes = {**good, "schema": CONFIG.replace("Choices", "RectangleLabels")}
    refused = await ask.post("/setup", headers=BASIC, json=boxes)
    assert (refused.status_code, refused.json()["reason"]) == (400, "UNSUITABLE_PROJECT")
    assert "<Choices" in refused.json()["error"]


async def test_predict_answers_every_task_even_when_nothing_is_known(ask):
    tasks = [{"id": number, "data": {"image": "/data/upload/1/x.png"}} for number in range(150)]
    response = await ask.post("/predict", headers=BASIC, json={"tasks": tasks, "project": "1.17"})
    results = response.json()["results"]
    assert len(results) == len(tasks)
    assert all(one["model_version"] == "vicinal-label-studio-1" and one["result"] == [] for one in results)


async def test_webhooks_mark(ask, bridge):
    body = {"action": "ANNOTATION_CREATED", "annotation": {"id": 3, "task": 8}, "project": {"id": 1}}
    assert (await ask.post("/webhook", headers=BASIC, json=body)).json() == {"status": "marked"}
    await ask.post("/webhook", headers=BASIC, json=body)
    assert (len(bridge.agenda), bridge.agenda.wants_survey) == (1, False)
    await ask.post("/webhook", headers=BASIC, json={**body, "project": {"id": 2}, "annotation": {"task": 9}})
    await ask.post("/webhook", headers=BASIC, json={"action": "START_TRAINING", "project": {"id": 1}})
    assert (len(bridge.agenda), bridge.agenda.wants_survey) == (1, False)
    deleted = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 77}]}  # never seen: whose was it?
    await ask.post("/webhook", headers=BASIC, json=deleted)
    assert bridge.agenda.wants_survey


async def test_a_webhook_that_cannot_be_read_still_marks(ask, bridge):
    response = await ask.post("/webhook", headers=BASIC, content=b"x" * (MAX_BODY + 1))
    assert (response.status_code, response.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert bridge.agenda.wants_survey


async def test_a_flood_of_events_stays_bounded(bridge):
    bridge.agenda.look_at(range(100_000))
    assert (len(bridge.agenda), bridge.agenda.wants_survey) == (0, True)


@pytest.mark.parametrize("path", ["/setup", "/predict"])
async def test_bodies_are_capped(ask, path):
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield b"[" * 5000

    response = await ask.post(path, headers=BASIC, content=endless())
    assert (response.status_code, response.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert read < 10


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), path=st.sampled_from(["/setup", "/predict", "/webhook"]))
async def test_any_body_is_answered(bridge, body, path):
    transport = httpx.ASGITransport(app_of(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://back-end") as client:
        response = await client.post(path, headers=BASIC, content=body)
    assert response.status_code in (200, 202, 400)
    assert response.json()


async def test_the_status_is_json_and_a_page(ask, bridge):
    bridge.status.failed[7] = "<script>alert(1)</script>"
    bridge.status.trouble = "<b>away</b>"
    told = (await ask.get("/status", headers=BASIC)).json()
    assert (told["project"], told["dataset"], told["failed_count"]) == (1, "label-studio-1", 1)
    page = (await ask.get("/", headers={**BASIC, "Accept": "text/html"})).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "<b>" not in page


async def test_metrics_are_prometheus_text(ask, bridge):
    for action in ('evil"} 1\n', "ANNOTATION_CREATED"):
        await ask.post("/webhook", headers=BASIC, json={"action": action, "task": {"id": 1}})
    lines = (await ask.get("/metrics", headers=BASIC)).text.splitlines()
    for line in lines:
        words = line.split(" ")
        assert line.startswith(("# HELP vicinal_", "# TYPE vicinal_")) or float(words[1]) >= 0
    assert 'vicinal_label_studio_webhooks_total{action="ANNOTATION_CREATED"} 1' in lines
    assert 'vicinal_label_studio_webhooks_total{action="OTHER"} 1' in lines
