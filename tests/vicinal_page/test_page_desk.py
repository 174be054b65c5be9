"""What lies ready on a desk is kept from others while somebody is there, and no longer."""

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress

import pytest

from vicinal_client import AsyncGraphClient, ResourceExhausted
from vicinal_page import board as board_module
from vicinal_page import house as house_module
from vicinal_page.house import House


@pytest.fixture
async def client(graph_address):
    async with AsyncGraphClient(graph_address) as client:
        yield client


@pytest.fixture
async def house(client):
    house = House(client)
    yield house
    await house.close()


async def leased(client, dataset):
    return {sample for lease in await client.leases(dataset) for sample in lease.sample_ids}


async def test_who_leaves_gives_back_what_lay_ready(client, house, dataset, monkeypatch):
    monkeypatch.setattr(house_module, "_GRACE", 0.0)
    desk = (await house.room(dataset)).desk("ada")
    async with house.present(desk):
        async with house.present(desk):
            held = await desk.look()
        await asyncio.sleep(0.2)
        assert await leased(client, dataset) == {item.sample_id for item in held}
    while await leased(client, dataset):
        await asyncio.sleep(0.02)
    assert not desk.held


async def test_what_others_got_meanwhile_is_put_away(client, house, dataset):
    desk = (await house.room(dataset)).desk("ada")
    held = {item.sample_id for item in await desk.look()}
    for lease in await client.leases(dataset):
        await client.release_lease(dataset, lease)
    await desk.renew()
    assert not desk.held
    assert len(await desk.look()) == 10
    assert await leased(client, dataset) == {item.sample_id for item in desk.held}
    assert held


async def test_a_renewed_lease_lives_longer(client, house, dataset):
    desk = (await house.room(dataset)).desk("ada")
    await desk.look()
    (before,) = await client.leases(dataset)
    await asyncio.sleep(0.05)
    await desk.renew()
    (after,) = await client.leases(dataset)
    assert after.expires > before.expires
    assert after.sample_ids == before.sample_ids


async def test_closing_the_page_gives_everything_back(client, dataset):
    house = House(client)
    for name in ("ada", "bob"):
        await (await house.room(dataset)).desk(name).look()
    assert len(await leased(client, dataset)) == 20
    await house.close()
    assert not await leased(client, dataset)


async def test_desks_are_not_kept_for_everybody_who_ever_came(client, house, dataset):
    room = await house.room(dataset)
    async with house.present(room.desk("here")):
        for i in range(400):
            room.desk(f"guest {i}")
        assert len(room.desks) <= 257
        assert {"here", "guest 399"} <= room.desks.keys()


async def test_where_too_many_watch_already_the_page_asks_again_and_again(
    client, graph_address, house, dataset
):
    async with AsyncGraphClient(graph_address) as others, AsyncExitStack() as open_ones:
        with suppress(ResourceExhausted):
            for _ in range(100):
                await anext(await open_ones.enter_async_context(aclosing(others.watch_beliefs(dataset))))
            pytest.fail("there is no limit")
        board = (await house.room(dataset)).board
        await board.picture()
        revision = await client.add_labels(dataset, {"000.png": "cat", "001.png": "dog"})
        picture = await board.picture(revision)
        assert picture.dataset.verified_label_count == 2
        assert [point.labels for point in picture.curve] == [0, 2]
        assert picture.trouble == ""


async def test_a_dataset_that_nobody_asks_for_is_not_followed(client, house, dataset, monkeypatch):
    monkeypatch.setattr(board_module, "_IDLE", 0.1)
    board = (await house.room(dataset)).board
    await board.picture()
    async with aclosing(board.pictures()) as pictures:
        await anext(pictures)
        await asyncio.sleep(0.5)
        await client.add_labels(dataset, {"000.png": "cat"})
        while (await anext(pictures)).dataset.verified_label_count < 1:
            pass
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.02)
    await client.add_labels(dataset, {"001.png": "dog"})
    picture = await board.picture()
    assert picture.dataset.verified_label_count == 2
    assert [point.labels for point in picture.curve] == [0, 1, 2]
