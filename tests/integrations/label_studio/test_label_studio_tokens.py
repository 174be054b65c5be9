"""Both kinds of token that Label Studio gives its users."""

import pytest

from vicinal_label_studio.errors import PlatformRefused
from vicinal_label_studio.platform import LabelStudio

pytestmark = pytest.mark.timeout(400)


async def test_a_personal_access_token_lets_in(platform, new_project):
    project = new_project(1, "tokens")
    personal = platform.api.post("/api/token/", {})["token"]
    async with LabelStudio(platform.api.url, personal) as client:
        assert (await client.project(project.id)).title == "tokens"
        assert len([task async for page in client.all_tasks(project.id) for task in page]) == 1


@pytest.mark.parametrize("token", ["0" * 40, "a.b.c"])
async def test_others_do_not(platform, token):
    async with LabelStudio(platform.api.url, token) as client:
        with pytest.raises(PlatformRefused):
            await client.project(1)
