import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_label_studio.fetch import AddressRefused, FetchFailed, TooLarge, inline
from vicinal_label_studio.fetch.targets import HostList, Origin, origin_of, read_url, shown


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://Example.ORG/a.png?b=c", ("http", "example.org", 80)),
        ("HTTPS://example.org:8443/", ("https", "example.org", 8443)),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", 443)),
        ("http://[2606:4700::1111]/", ("http", "2606:4700::1111", 80)),
        ("http://127。0。0。1/", ("http", "127.0.0.1", 80)),
    ],
)
def test_a_url_asks_one_origin(text, origin):
    assert origin_of(read_url(text)) == Origin(*origin)


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "gopher://example.org/",
        "/data/upload/1.png",
        "//example.org/a.png",
        "http:///a.png",
        "http://user:secret@example.org/",
        "http://example.org@127.0.0.1/",
        "http://a\\@example.org/",
        "http://[fe80::1%25eth0]/",
        "http://localhost%00.example.org/",
        "http://exa mple.org/",
        "http://example.org:0/",
        "http://example.org:70000/",
        "http://example.org\r\nHost: x/",
        "http://[::1",
        "not a url",
        "",
    ],
)
def test_what_is_no_plain_http_url_is_refused(text):
    with pytest.raises(AddressRefused) as refused:
        read_url(text)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text):
    for candidate in (text, f"http://{text}"):
        try:
            url = read_url(candidate)
        except AddressRefused:
            continue
        assert url.scheme in {"http", "https"}
        assert not url.userinfo


def test_secrets_are_not_shown():
    url = httpx.URL("https://me:password@example.org:8443/a.png?X-Amz-Signature=abc#here")
    assert shown(url) == "https://example.org:8443/a.png?…"
    assert shown(httpx.URL("https://example.org/a.png")) == "https://example.org/a.png"


@pytest.mark.parametrize(
    ("patterns", "host", "inside"),
    [
        (None, "anything", True),
        ([], "example.org", False),
        (["Example.org"], "example.org.", True),
        (["example.org"], "images.example.org", False),
        (["example.org"], "badexample.org", False),
        (["*.example.org"], "a.b.example.org", True),
        (["*.example.org"], "example.org", False),
        (["*.example.org"], "badexample.org", False),
        (["*.example.org"], "example.org.evil.test", False),
    ],
)
def test_allowed_hosts(patterns, host, inside):
    assert (host in HostList(patterns)) is inside


def test_data_urls_are_decoded():
    assert inline.decode("data:image/png;base64,aGVsbG8=", 5) == b"hello"
    assert inline.decode("data:,a%20b", 5) == b"a b"


@pytest.mark.parametrize(
    "url", ["data:image/png;base64", "data:;base64,a", "data:;base64,????", "data:;base64,é"]
)
def test_malformed_data_urls_are_refused(url):
    with pytest.raises(FetchFailed):
        inline.decode(url, 100)


@pytest.mark.parametrize("url", ["data:;base64,aGVsbG8=", "data:,hello", "data:," + "%41" * 5])
def test_data_urls_have_the_cap_too(url):
    with pytest.raises(TooLarge):
        inline.decode(url, 4)


@given(st.binary(max_size=50))
def test_a_data_url_of_just_the_cap_passes(body):
    import base64

    url = "data:;base64," + base64.b64encode(body).decode()
    assert inline.decode(url, len(body) or 1) == body
