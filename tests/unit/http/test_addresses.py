"""Whose request it is, where proxies stand in front."""

import ipaddress
from unittest import mock

import pytest
from aiohttp.test_utils import make_mocked_request

from receiver.http.addresses import behind_proxies, counted_as

TRUSTED = [ipaddress.ip_network(one) for one in ("10.0.0.0/8", "2001:db8::/32")]


def asked(peer: str, *written: str) -> str | None:
    """Return the address that a request from a peer counts as."""
    transport = mock.Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: (
        (peer, 1) if name == "peername" else default
    )
    headers = [("X-Forwarded-For", one) for one in written]
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    return behind_proxies(request, TRUSTED).remote


@pytest.mark.parametrize(
    ("peer", "written", "found"),
    [
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("10.0.0.1", ["2001:db9::1"], "2001:db9::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8::1", ["203.0.113.9"], "203.0.113.9"),
    ],
)
def test_a_proxy_says_whose_request_it_is(peer: str, written: list[str], found: str) -> None:
    assert asked(peer, *written) == found


@pytest.mark.parametrize(
    ("peer", "written", "found"),
    [
        ("203.0.113.1", ["127.0.0.1"], "203.0.113.1"),
        ("10.0.0.1", ["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["127.0.0.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["127.0.0.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["127.0.0.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [",,,"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("", ["127.0.0.1"], ""),
    ],
)
def test_what_a_client_writes_itself_is_not_believed(
    peer: str, written: list[str], found: str
) -> None:
    assert asked(peer, *written) == found


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_of_ipv6_a_whole_network_counts_as_one(address: str, counted: str) -> None:
    assert counted_as(address) == counted
