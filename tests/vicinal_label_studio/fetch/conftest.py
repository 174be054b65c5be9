"""HTTP servers on loopback that answer as a test wants, down to the byte."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    """By lower-case name."""


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    answer: Answer
    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def origin(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines if line)
            self.requests.append(Request(first.split(" ")[1], headers))
            await self.answer(self.requests[-1], writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the fetcher hung up, which is its right
        finally:
            writer.close()


@pytest.fixture
async def start():
    """`await start(answer)` starts a server; `answer(request, writer)` writes all it says."""
    async with AsyncExitStack() as servers:

        async def start(answer, ssl=None, host="127.0.0.1"):
            server = Server(answer, scheme="https" if ssl else "http")
            listening = await asyncio.start_server(server.serve, host, 0, ssl=ssl)
            server.port = listening.sockets[0].getsockname()[1]
            servers.callback(listening.close)
            return server

        yield start


@pytest.fixture(scope="session")
def reply():
    """An answer with a fixed status, body and headers: `reply(200, b"…", location="…")`."""

    def reply(status=200, body=b"", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n"

        async def answer(request, writer):
            writer.write(head.encode() + body)

        return answer

    return reply


@pytest.fixture
async def pictures(start, reply):
    """A server with one picture, wherever one looks."""
    return await start(reply(200, b"a picture"))
