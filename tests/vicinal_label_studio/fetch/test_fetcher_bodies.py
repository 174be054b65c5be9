"""What the fetcher takes of what a server sends."""

import asyncio
import gzip
import tracemalloc

import pytest

from vicinal_label_studio.fetch import FetchFailed, ImageFetcher, TooLarge

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30


HEADS = {
    "announced": b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "until it closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("way", HEADS)
async def test_a_gigabyte_is_cut_at_the_cap(start, way):
    piece, poured = bytes(MEGABYTE), 0
    wrapped = b"100000\r\n" + piece + b"\r\n" if way == "chunked" else piece

    async def answer(request, writer):
        nonlocal poured
        writer.write(HEADS[way])
        for _ in range(GIGABYTE // MEGABYTE):
            writer.write(wrapped)
            await writer.drain()
            poured += MEGABYTE

    server = await start(answer)
    tracemalloc.start()
    try:
        async with ImageFetcher(allow_private=True, max_bytes=4 * MEGABYTE) as fetcher:
            with pytest.raises(TooLarge, match="more than 4,194,304 bytes"):
                await fetcher.fetch(f"{server.origin}/big.png")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * MEGABYTE  # the server's own megabytes, of the same process, among them
    assert poured < GIGABYTE // 16  # the rest, up to what lies in the sockets, was never sent


async def test_an_announced_size_is_enough_to_refuse(start):
    async def answer(request, writer):
        writer.write(HEADS["announced"])
        await asyncio.sleep(5)

    server = await start(answer)
    async with ImageFetcher(allow_private=True, timeout=1) as fetcher:
        with pytest.raises(TooLarge):
            await fetcher.fetch(f"{server.origin}/big.png")


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
@pytest.mark.parametrize("announced", [True, False])
async def test_the_cap_is_exact(start, size, fits, announced):
    async def answer(request, writer):
        length = b"Content-Length: %d\r\n" % size if announced else b""
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + bytes(size))

    server = await start(answer)
    async with ImageFetcher(allow_private=True, max_bytes=1000) as fetcher:
        if fits:
            assert await fetcher.fetch(f"{server.origin}/") == bytes(size)
        else:
            with pytest.raises(TooLarge):
                await fetcher.fetch(f"{server.origin}/")


async def test_compressed_bodies_are_not_opened(start, reply):
    server = await start(reply(200, gzip.compress(bytes(64 * MEGABYTE)), content_encoding="gzip"))
    async with ImageFetcher(allow_private=True) as fetcher:
        with pytest.raises(FetchFailed, match="compressed with gzip"):
            await fetcher.fetch(f"{server.origin}/bomb.png")
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("where", ["head", "body"])
async def test_a_dripping_answer_ends_at_the_deadline(start, where):
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if where == "body" else b"X: "))
        while not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    server = await start(answer)
    async with ImageFetcher(allow_private=True, timeout=0.2) as fetcher:
        with pytest.raises(FetchFailed, match=r"not complete after 0\.2 s"):
            await fetcher.fetch(f"{server.origin}/slow.png?key=secret")


async def test_an_endless_head_is_cut(start):
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not writer.is_closing():
            writer.write(bytes(1024).replace(b"\0", b"a"))
            await writer.drain()

    server = await start(answer)
    async with ImageFetcher(allow_private=True, timeout=60) as fetcher:
        with pytest.raises(FetchFailed) as failed:
            await fetcher.fetch(f"{server.origin}/")
    assert "not complete" not in failed.value.reason


async def test_the_deadline_covers_all_redirects(start):
    async def answer(request, writer):
        await asyncio.sleep(0.15)
        writer.write(b"HTTP/1.1 302 x\r\nLocation: /next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server = await start(answer)
    async with ImageFetcher(allow_private=True, timeout=0.4, max_redirects=1000) as fetcher:
        with pytest.raises(FetchFailed, match="not complete"):
            await fetcher.fetch(f"{server.origin}/")
    assert len(server.requests) < 10


@pytest.mark.parametrize(("hops", "arrives"), [(3, True), (4, False)])
async def test_three_redirects_are_followed(start, hops, arrives):
    async def answer(request, writer):
        step = int(request.path.strip("/"))
        if step < hops:
            head = f"HTTP/1.1 302 x\r\nLocation: {step + 1}\r\nContent-Length: 0\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
        else:
            writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere")

    server = await start(answer)
    async with ImageFetcher(allow_private=True) as fetcher:
        if arrives:
            assert await fetcher.fetch(f"{server.origin}/0") == b"here"
        else:
            with pytest.raises(FetchFailed, match="more than 3 redirects"):
                await fetcher.fetch(f"{server.origin}/0")
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
async def test_any_other_status_is_a_failure_that_says_so(start, reply, status):
    server = await start(reply(status))
    async with ImageFetcher(allow_private=True) as fetcher:
        with pytest.raises(FetchFailed) as failed:
            await fetcher.fetch(f"{server.origin}/a.png?key=secret")
    assert failed.value.status == status
    assert failed.value.url == f"{server.origin}/a.png?…"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na",
    ],
)
async def test_a_broken_answer_is_a_failure(start, sent):
    async def answer(request, writer):
        writer.write(sent)

    server = await start(answer)
    async with ImageFetcher(allow_private=True) as fetcher:
        with pytest.raises(FetchFailed) as failed:
            await fetcher.fetch(f"{server.origin}/")
    assert failed.value.status is None


async def test_the_fetcher_goes_on_after_failures(start, reply, pictures):
    """Refused, cut, broken and late fetches give back their place among the concurrent ones."""

    async def silence(request, writer):
        await asyncio.sleep(5)

    bad = {reply(404): FetchFailed, reply(200, bytes(100)): TooLarge, silence: FetchFailed}
    servers = [(await start(answer), error) for answer, error in bad.items()]
    async with ImageFetcher(allow_private=True, max_bytes=50, concurrency=1, timeout=0.3) as fetcher:
        for _ in range(3):
            for server, error in servers:
                with pytest.raises(error):
                    await fetcher.fetch(f"{server.origin}/")
            assert await fetcher.fetch(f"{pictures.origin}/") == b"a picture"


async def test_data_urls_need_no_server():
    async with ImageFetcher(max_bytes=5) as fetcher:
        assert await fetcher.fetch("DATA:image/png;base64,aGVsbG8=") == b"hello"
        with pytest.raises(TooLarge):
            await fetcher.fetch("data:,123456")
