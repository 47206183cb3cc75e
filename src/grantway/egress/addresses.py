"""Which addresses of the internet may be dialled. Pure."""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Written down rather than asked of `is_global`, whose answers have changed between versions of Python.
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # public by its number, and the host of a virtual machine in one cloud
    )
)
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4 or NAT64; any other as it is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    octets = address.packed
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address(octets[2:6])
    if address in _NAT64:
        return ipaddress.IPv4Address(octets[12:])
    return address


def is_global_unicast(address: Address) -> bool:
    """May anybody on the internet have this address? (RFC 6890 and its registries)."""
    inner = unwrapped(address)
    if isinstance(inner, ipaddress.IPv4Address):
        return not any(inner in network for network in _SPECIAL_V4)
    return inner in _UNICAST_V6 and not any(inner in network for network in _SPECIAL_V6)


def is_loopback(address: Address) -> bool:
    """Is it this machine itself?"""
    return unwrapped(address).is_loopback
