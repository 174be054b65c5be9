"""The client of Label Studio's API: tokens, and which failures are which."""

import httpx
import pytest

from vicinal_label_studio.errors import PlatformAway, PlatformRefused, TaskGone
from vicinal_label_studio.platform import LabelStudio

PROJECT = {"id": 1, "label_config": "<View/>"}


class Script:
    """Answers with functions of the request, and remembers what it was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, request):
        self.asked.append((request.method, request.url.path, request.headers.get("authorization")))
        return self.answer(request)


def client(answer, token="legacy"):
    script = Script(answer)
    return LabelStudio("http://label-studio", token, transport=httpx.MockTransport(script)), script


async def test_a_legacy_token_is_sent_as_it_is():
    platform, script = client(lambda _: httpx.Response(200, json=PROJECT))
    async with platform:
        await platform.project(1)
    assert script.asked == [("GET", "/api/projects/1/", "Token legacy")]


async def test_a_personal_token_is_exchanged_and_renewed_when_it_expires():
    valid = ["first"]

    def answer(request):
        if request.url.path == "/api/token/refresh/":
            return httpx.Response(200, json={"access": valid[-1]})
        good = request.headers["authorization"] == f"Bearer {valid[-1]}"
        return httpx.Response(200, json=PROJECT) if good else httpx.Response(401, json={"detail": "old"})

    platform, script = client(answer, "a.b.c")
    async with platform:
        await platform.project(1)
        await platform.project(1)
        valid.append("second")
        await platform.project(1)
    assert [path for _, path, _ in script.asked].count("/api/token/refresh/") == 2
    assert script.asked[-1][2] == "Bearer second"


async def test_a_personal_token_that_is_not_accepted():
    platform, _ = client(lambda _: httpx.Response(401, json={"detail": "no"}), "a.b.c")
    async with platform:
        with pytest.raises(PlatformRefused, match="personal access token"):
            await platform.project(1)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PlatformRefused),
        (401, PlatformRefused),
        (404, TaskGone),
        (429, PlatformAway),
        (502, PlatformAway),
    ],
)
async def test_failures_are_told_apart(status, error):
    platform, _ = client(lambda _: httpx.Response(status, json={"detail": "because"}))
    async with platform:
        with pytest.raises(error, match="because"):
            await platform.project(1)


async def test_no_answer_is_away():
    def answer(request):
        raise httpx.ConnectError("nobody there", request=request)

    platform, _ = client(answer)
    async with platform:
        with pytest.raises(PlatformAway, match="nobody there"):
            await platform.project(1)


async def test_an_answer_that_is_no_json_is_away():
    platform, _ = client(lambda _: httpx.Response(200, text="<html>"))
    async with platform:
        with pytest.raises(PlatformAway, match="no JSON"):
            await platform.project(1)


async def test_tasks_that_were_not_asked_for_are_not_believed():
    """Else every task that the answer lacks would be taken for gone."""
    platform, _ = client(lambda _: httpx.Response(200, json={"tasks": [{"id": 9}], "total": 1}))
    async with platform:
        with pytest.raises(PlatformRefused, match="by their ids"):
            await platform.some_tasks(1, [4, 5])


async def test_pages_are_followed():
    def answer(request):
        page = int(request.url.params["page"])
        return httpx.Response(200, json={"tasks": [{"id": page}], "total": 250})

    platform, _ = client(answer)
    async with platform:
        assert [page[0]["id"] async for page in platform.all_tasks(1)] == [1, 2, 3]


async def test_removing_what_is_gone_is_fine():
    platform, _ = client(lambda _: httpx.Response(404, json={"detail": "gone"}))
    async with platform:
        await platform.remove_prediction(4)
