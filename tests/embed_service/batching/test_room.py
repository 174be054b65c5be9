"""Room for images and bytes: calls are turned away, streams wait their turn."""

from __future__ import annotations

import asyncio

import pytest

from embed_service.batching.room import Room, RoomFullError


async def spin() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("images", "size"), [(5, 1), (1, 101), (5, 101)])
async def test_claims_fit_or_are_turned_away(images: int, size: int) -> None:
    room = Room(8, 150)
    with room.claim(4, 50):
        with pytest.raises(RoomFullError), room.claim(images, size):
            pass
        with room.claim(4, 100):
            assert (room.images, room.bytes) == (8, 150)
    assert (room.images, room.bytes) == (0, 0)


async def test_streams_fill_half_and_wait_in_order() -> None:
    room, entered, leave = Room(4, 1000), [], asyncio.Event()

    async def stay(number: int, size: int) -> None:
        async with room.wait(size):
            entered.append(number)
            await leave.wait()

    tasks = [asyncio.create_task(stay(number, size)) for number, size in enumerate((100, 100, 600, 1))]
    await spin()
    assert entered == [0, 1]
    with room.claim(2, 500):  # the other half is for calls
        leave.set()
        await spin()
        assert entered == [0, 1]
    await asyncio.gather(*tasks)
    assert entered == [0, 1, 2, 3]
    assert (room.images, room.bytes) == (0, 0)


async def test_who_stops_waiting_blocks_nobody() -> None:
    room = Room(2, 1000)
    with room.claim(1, 1):
        waiting = asyncio.create_task(room.wait(1).__aenter__())
        behind = asyncio.create_task(room.wait(1).__aenter__())
        await spin()
        waiting.cancel()
    await behind
    assert room.images == 1
