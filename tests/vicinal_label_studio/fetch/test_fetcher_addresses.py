"""Whom the fetcher connects to: real servers on loopback, which by default nobody may reach."""

import asyncio
import shutil
import ssl
import subprocess

import httpcore
import pytest

from vicinal_label_studio.fetch import AddressRefused, FetchFailed, ImageFetcher

LOOPBACK = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "0.0.0.0",
    "[::]",
    "127。0。0。1",
]


def names(*addresses):
    """A resolver that knows only these addresses, for every name; it counts how often it is asked."""

    async def resolver(host, port):
        resolver.asked += 1
        return addresses

    resolver.asked = 0
    return resolver


@pytest.mark.parametrize("host", LOOPBACK)
async def test_no_spelling_of_loopback_is_connected_to(pictures, host):
    async with ImageFetcher() as fetcher:
        with pytest.raises(AddressRefused):
            await fetcher.fetch(f"http://{host}:{pictures.port}/a.png")
    assert pictures.connections == 0


@pytest.mark.parametrize("host", LOOPBACK)
async def test_a_redirect_to_loopback_is_refused(start, reply, pictures, host):
    site = await start(reply(302, location=f"http://{host}:{pictures.port}/a.png?token=secret"))
    async with ImageFetcher(trusted_origins={site.origin: {}}) as fetcher:
        with pytest.raises(AddressRefused) as refused:
            await fetcher.fetch(f"{site.origin}/a.png")
    assert (len(site.requests), pictures.connections) == (1, 0)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.org/", "http://u:p@example.org/", "http://["]
)
async def test_a_redirect_out_of_http_is_refused(start, reply, location):
    site = await start(reply(301, location=location))
    async with ImageFetcher(allow_private=True) as fetcher:
        with pytest.raises(AddressRefused):
            await fetcher.fetch(f"{site.origin}/a.png")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"]],
)
async def test_a_name_for_a_refused_address_is_refused(pictures, addresses):
    async with ImageFetcher(resolver=names(*addresses)) as fetcher:
        with pytest.raises(AddressRefused, match=r"pictures\.example is"):
            await fetcher.fetch(f"http://pictures.example:{pictures.port}/a.png")
    assert pictures.connections == 0


async def test_a_final_dot_makes_no_difference(pictures):
    async with ImageFetcher(allowed_hosts=["a.example"], resolver=names("127.0.0.1")) as fetcher:
        with pytest.raises(AddressRefused, match="loopback"):
            await fetcher.fetch(f"http://a.example.:{pictures.port}/")


async def test_a_refused_redirect_is_named(start, reply):
    site = await start(reply(302, location="http://10.0.0.1/inside.png?token=secret"))
    async with ImageFetcher(trusted_origins={site.origin: {}}) as fetcher:
        with pytest.raises(AddressRefused) as refused:
            await fetcher.fetch(f"{site.origin}/a.png")
    assert (refused.value.url, refused.value.reason) == ("http://10.0.0.1/inside.png?…", "it is private")


async def test_link_local_addresses_are_refused_even_where_private_ones_are_allowed():
    async with ImageFetcher(allow_private=True) as fetcher:
        with pytest.raises(AddressRefused, match="link-local"):
            await fetcher.fetch("http://169.254.169.254/latest/meta-data/")


async def test_a_name_that_is_rebound_gets_nobody_further(pictures, monkeypatch):
    """The first answer passes the check; had anyone asked again, the second would lead inside."""
    answers, reached = iter([["93.184.216.34"], ["127.0.0.1"]]), []

    async def rebinding(host, port):
        return next(answers)

    async def connect(self, host, port, **rest):
        reached.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    async with ImageFetcher(resolver=rebinding) as fetcher:
        with pytest.raises(FetchFailed):
            await fetcher.fetch(f"http://pictures.example:{pictures.port}/a.png")
        with pytest.raises(AddressRefused):
            await fetcher.fetch(f"http://pictures.example:{pictures.port}/a.png")
    assert reached == ["93.184.216.34"]


async def test_the_server_hears_the_name_it_is_asked_by(pictures):
    resolver = names("127.0.0.1")
    async with ImageFetcher(resolver=resolver, allow_private=True) as fetcher:
        url = f"http://pictures.example:{pictures.port}/a%20b.png?c=d#e"
        assert await fetcher.fetch(url) == b"a picture"
    assert resolver.asked == 1
    assert pictures.requests[0].headers["host"] == f"pictures.example:{pictures.port}"
    assert pictures.requests[0].path == "/a%20b.png?c=d"


async def test_ipv6_servers_are_asked_by_their_address(start, reply):
    try:
        server = await start(reply(200, b"six"), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    url = f"http://[::1]:{server.port}/"
    async with ImageFetcher(allow_private=True) as fetcher:
        assert await fetcher.fetch(url) == b"six"
    async with ImageFetcher(trusted_origins={url: {"x-key": "1"}}) as fetcher:
        assert await fetcher.fetch(url) == b"six"
    assert [request.headers["host"] for request in server.requests] == [f"[::1]:{server.port}"] * 2


async def test_the_next_address_is_tried_when_one_is_dead(pictures):
    async with ImageFetcher(resolver=names("127.0.0.2", "127.0.0.1"), allow_private=True) as fetcher:
        assert await fetcher.fetch(f"http://pictures.example:{pictures.port}/") == b"a picture"


async def test_a_certificate_is_checked_for_the_name(start, reply, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on the PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -addext subjectAltName=DNS:pictures.example"
    words = ["openssl", *made.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)
    heard = []
    serving.sni_callback = lambda connection, name, context: heard.append(name)
    server = await start(reply(200, b"sealed"), ssl=serving)
    believing = ssl.create_default_context(cafile=str(certificate))
    options = {"resolver": names("127.0.0.1"), "allow_private": True, "ssl_context": believing}
    async with ImageFetcher(**options) as fetcher:
        assert await fetcher.fetch(f"https://pictures.example:{server.port}/") == b"sealed"
        with pytest.raises(FetchFailed, match="certificate"):
            await fetcher.fetch(f"https://other.example:{server.port}/")
    assert heard == ["pictures.example", "other.example"]


async def test_only_allowed_hosts_are_asked(pictures):
    resolver = names("127.0.0.1")
    async with ImageFetcher(
        allowed_hosts=["*.example"], allow_private=True, resolver=resolver, trusted_origins={}
    ) as fetcher:
        assert await fetcher.fetch(f"http://pictures.example:{pictures.port}/") == b"a picture"
        with pytest.raises(AddressRefused, match="not among the allowed hosts"):
            await fetcher.fetch(f"http://pictures.test:{pictures.port}/")
    assert resolver.asked == 1


async def test_proxies_of_the_environment_are_not_used(start, reply, pictures, monkeypatch):
    proxy = await start(reply(200, b"from a proxy"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.origin)
    async with ImageFetcher(allow_private=True) as fetcher:
        assert await fetcher.fetch(f"{pictures.origin}/") == b"a picture"
    assert proxy.connections == 0


async def test_a_trusted_origin_is_exact(pictures):
    """Scheme, host and port: the same server under another spelling is a stranger."""
    async with ImageFetcher(trusted_origins={pictures.origin: {"authorization": "Token t"}}) as fetcher:
        assert await fetcher.fetch(f"{pictures.origin}/a.png") == b"a picture"
        for url in (f"http://localhost:{pictures.port}/", f"https://127.0.0.1:{pictures.port}/"):
            with pytest.raises(AddressRefused):
                await fetcher.fetch(url)
    assert [request.headers["authorization"] for request in pictures.requests] == ["token t"]


async def test_headers_stay_with_their_origin(start, reply, pictures):
    site = await start(reply(307, location=f"{pictures.origin}/b.png"))
    headers = {site.origin: {"authorization": "Token site"}}
    async with ImageFetcher(trusted_origins=headers, allow_private=True) as fetcher:
        assert await fetcher.fetch(f"{site.origin}/a.png") == b"a picture"
    assert "authorization" in site.requests[0].headers
    assert "authorization" not in pictures.requests[0].headers


async def test_a_stranger_does_not_borrow_the_trust(start, reply, pictures):
    """A stranger's redirect to the trusted server is checked like any other, and gets no headers."""
    stranger = await start(reply(302, location=f"{pictures.origin}/b.png"))
    resolver, url = names("127.0.0.1"), f"http://stranger.example:{stranger.port}/a.png"
    headers = {pictures.origin: {"authorization": "Token t"}}
    async with ImageFetcher(trusted_origins=headers, allow_private=True, resolver=resolver) as fetcher:
        await fetcher.fetch(url)
    assert "authorization" not in pictures.requests[0].headers


async def test_trusted_servers_may_send_on_to_each_other(start, reply, pictures):
    site = await start(reply(302, location=f"{pictures.origin}/b.png"))
    headers = {site.origin: {"x-key": "1"}, pictures.origin: {"x-key": "2"}}
    async with ImageFetcher(trusted_origins=headers) as fetcher:
        assert await fetcher.fetch(f"{site.origin}/a.png") == b"a picture"
    assert [server.requests[0].headers["x-key"] for server in (site, pictures)] == ["1", "2"]


@pytest.mark.parametrize(
    "origin", ["example.org", "ftp://example.org", "http://example.org/path", "http://u@example.org"]
)
def test_what_is_no_origin_cannot_be_trusted(origin):
    with pytest.raises(ValueError, match="is not an origin"):
        ImageFetcher(trusted_origins={origin: {}})


async def test_no_more_than_so_many_at_a_time(start):
    under_way, most = 0, 0

    async def answer(request, writer):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")

    server = await start(answer)
    async with ImageFetcher(allow_private=True, concurrency=3) as fetcher:
        got = await asyncio.gather(*(fetcher.fetch(f"{server.origin}/{i}") for i in range(12)))
    assert got == [b"x"] * 12
    assert most == 3
