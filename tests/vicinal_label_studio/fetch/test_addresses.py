from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_label_studio.fetch.addresses import objection

PUBLIC = ["8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
PRIVATE = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "::1": "loopback",
    "10.1.2.3": "private",
    "172.31.255.255": "private",
    "192.168.0.1": "private",
    "fd12::1": "private",
    "100.64.0.1": "private to a carrier",
}
NEVER = {
    "169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "an address with a zone",
    "fec0::1": "site-local",
    "100.100.100.200": "a cloud's metadata service",
    "168.63.129.16": "a cloud's metadata service",
    "fd00:ec2::254": "a cloud's metadata service",
    "0.0.0.0": "unspecified",
    "::": "unspecified",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "reserved",
    "::127.0.0.1": "reserved",  # the "IPv4-compatible" form
    "4000::1": "reserved",
    "::ffff:127.0.0.1": "an IPv4 address mapped into IPv6",
    "::ffff:8.8.8.8": "an IPv4 address mapped into IPv6",
    "2002:7f00:1::": "a 6to4 tunnel",
    "2001:0:7f00:1::": "a tunnel or reserved",
    "64:ff9b::169.254.169.254": "link-local",
    "64:ff9b:1::a00:1": "reserved",
    "2130706433": "not an IP address",  # resolvers may take it for one; they never write it
    "": "not an IP address",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_in_order(address):
    assert objection(address) is None


@pytest.mark.parametrize(("address", "kind"), PRIVATE.items())
def test_private_addresses_are_in_order_only_if_allowed(address, kind):
    assert objection(address) == kind
    assert objection(address, allow_private=True) is None


@pytest.mark.parametrize(("address", "kind"), NEVER.items())
def test_some_addresses_are_never_in_order(address, kind):
    assert objection(address) == kind
    assert objection(address, allow_private=True) == kind


@given(st.ip_addresses())
def test_what_python_calls_local_is_refused(ip):
    if not ip.is_global or ip.is_multicast:
        assert objection(str(ip)) is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_address_is_no_way_around(ip):
    low = int(ip)
    forms = [low, 0xFFFF << 32 | low, 0x2002 << 112 | low << 80, 0x20010000 << 96 | low ^ 0xFFFF_FFFF]
    assert all(objection(str(IPv6Address(form))) for form in forms)


@given(st.ip_addresses(v=4), st.booleans())
def test_translated_addresses_are_judged_as_what_they_reach(ip, allow_private):
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(ip))
    assert objection(str(translated), allow_private=allow_private) == objection(
        str(ip), allow_private=allow_private
    )


@given(st.ip_addresses())
def test_allowing_private_addresses_only_takes_objections_away(ip):
    if objection(str(ip), allow_private=True):
        assert objection(str(ip))


def test_the_tables_meet_no_public_neighbour():
    """The first addresses outside each private network."""
    for text in [
        "9.255.255.255",
        "11.0.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "192.167.0.1",
    ]:
        assert isinstance(ip_address(text), IPv4Address)
        assert objection(text) is None
