"""Names of machines."""

import socket

import pytest

from vicinal.hosts import is_loopback, url_of


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_hosts_of_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "", "[::1]"])
def test_hosts_that_others_reach(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "token", "expected"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8/"),
        ("::1", "", "http://[::1]:8/"),
        ("0.0.0.0", "a b&c/", f"http://{socket.gethostname()}:8/?token=a%20b%26c%2F"),
        ("::", "x", f"http://{socket.gethostname()}:8/?token=x"),
    ],
)
def test_the_address_to_open(host, token, expected):
    assert url_of(host, 8, token) == expected
