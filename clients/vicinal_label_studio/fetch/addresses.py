"""Which IP addresses are refused.

After the IANA registries of special-purpose addresses (RFC 6890 and its updates). They are spelled out
because what `ipaddress` calls global differs between the versions of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["objection"]

_PRIVATE = {
    "127.0.0.0/8": "loopback",
    "::1/128": "loopback",
    "10.0.0.0/8": "private",
    "172.16.0.0/12": "private",
    "192.168.0.0/16": "private",
    "fc00::/7": "private",
    "100.64.0.0/10": "private to a carrier",
}
"""What the operator may allow: the machines of the house."""

_NEVER = {
    # Metadata services: they hand the machine's credentials to whoever asks from inside.
    "100.100.100.200/32": "a cloud's metadata service",
    "168.63.129.16/32": "a cloud's metadata service",
    "fd00:ec2::254/128": "a cloud's metadata service",
    "fd20:ce::254/128": "a cloud's metadata service",
    "169.254.0.0/16": "link-local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "0.0.0.0/8": "unspecified",
    "::/128": "unspecified",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "for documentation",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "2001:db8::/32": "for documentation",
    "3fff::/20": "for documentation",
    "198.18.0.0/15": "for benchmarks",
    "224.0.0.0/4": "multicast",
    "ff00::/8": "multicast",
    "240.0.0.0/4": "reserved",
    # An IPv4 address in disguise. No picture lives at one of these.
    "::ffff:0:0/96": "an IPv4 address mapped into IPv6",
    "192.88.99.0/24": "a 6to4 relay",
    "2002::/16": "a 6to4 tunnel",
    "2001::/23": "a tunnel or reserved",  # Teredo is 2001::/32
}

_PRIVATE_NETWORKS = [(ip_network(text), kind) for text, kind in _PRIVATE.items()]
_NEVER_NETWORKS = [(ip_network(text), kind) for text, kind in _NEVER.items()]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def objection(address: str, *, allow_private: bool = False) -> str | None:
    """Say what speaks against connecting to `address`.

    Args:
        address: an IPv4 or IPv6 address as resolvers write it.
        allow_private: loopback and private addresses are in order too; link-local ones, metadata
            services and all others that are not public never are.

    Returns:
        What it is, e.g. "loopback", or None for an address that may be connected to.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(ip, IPv6Address):
        if ip.scope_id is not None:
            return "an address with a zone"
        if ip in _NAT64:
            # Where a network has no IPv4, its resolver writes every IPv4 address so (RFC 6147).
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
    return _objection(ip, allow_private)


def _objection(ip: IPv4Address | IPv6Address, allow_private: bool) -> str | None:
    for network, kind in _NEVER_NETWORKS:
        if ip in network:
            return kind
    for network, kind in _PRIVATE_NETWORKS:
        if ip in network:
            return None if allow_private else kind
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return "reserved"
    return None if ip.is_global else "not public"
