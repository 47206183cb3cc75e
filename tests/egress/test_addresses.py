"""Which addresses may be dialled."""

import ipaddress

import pytest

from grantway.egress.addresses import is_global_unicast, is_loopback

INSIDE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255"),  # noqa: S104
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.0.1", "100.64.0.1"),
    *(
        "100.127.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
    ),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::a00:1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"),
    *("100::1", "2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "4000::1", "5f00::1"),
    *(
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::ffff:0:127.0.0.1",
    ),
    *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1:7f00:1::"),
    *("2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a00:1::", "2002:c0a8:101::"),
]
OUTSIDE = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.1"),
    *(
        "169.253.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "126.255.255.255",
        "128.0.0.1",
    ),
    *("2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2620:fe::fe"),
    *("::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"),
]


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_that_is_not_of_the_internet_is_never_dialled(text):
    """L1: however it is wrapped."""
    assert not is_global_unicast(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_of_the_internet_may_be_dialled(text):
    """L1: the counter-example, at the edges of what is refused."""
    assert is_global_unicast(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")),
        *((text, False) for text in ("10.0.0.1", "1.1.1.1", "fe80::1", "0.0.0.0")),  # noqa: S104
    ],
)
def test_this_machine_is_known(text, expected):
    """L1: what `--dev` may call."""
    assert expected is is_loopback(ipaddress.ip_address(text))
