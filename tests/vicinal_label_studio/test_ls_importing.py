"""Whose token goes with an image, and for how long."""

from itertools import count

import httpx

from vicinal_label_studio.importing import FetchRules, Importer
from vicinal_label_studio.platform import LabelStudio


async def test_one_fetcher_serves_until_the_token_changes():
    valid, numbers = [], count(1)

    def answer(request):
        if request.url.path == "/api/token/refresh/":
            valid[:] = [f"access-{next(numbers)}"]
            return httpx.Response(200, json={"access": valid[0]})
        good = [request.headers["authorization"]] == [f"Bearer {one}" for one in valid]
        return httpx.Response(200 if good else 401, json=[])

    async with LabelStudio("http://label-studio", "a.b.c", transport=httpx.MockTransport(answer)) as platform:
        importer = Importer(platform, None, None, FetchRules())
        first = await importer._authorized()
        await platform.webhooks(1)
        assert await importer._authorized() is first, "and with it its connections"
        valid.clear()
        await platform.webhooks(1)
        assert await importer._authorized() is not first, "the old one sends a token that holds no more"
        await importer.aclose()
