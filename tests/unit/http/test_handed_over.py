"""Sockets that systemd hands over: whose they are, and which are refused."""

import os
import socket
from collections.abc import Iterator

import pytest

from receiver.errors import ConfigError
from receiver.http import handed_over
from receiver.http.handed_over import opened, take_over
from tests.support.systemd import listening


def given(names: str, number: str = "1", pid: int | None = None) -> dict[str, str]:
    own = os.getpid() if pid is None else pid
    found = {"LISTEN_PID": str(own), "LISTEN_FDS": number, "LISTEN_FDNAMES": names, "X": "y"}
    return {name: value for name, value in found.items() if value}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket, at the first descriptor."""
    with listening(0) as one:
        monkeypatch.setattr(handed_over, "FIRST", os.dup(one.fileno()))
        yield one


@pytest.mark.parametrize("names", ["api", "", "incident-manager.socket", "unknown"])
def test_one_is_the_api_s_whatever_its_name(api: socket.socket, names: str) -> None:
    environ = given(names)
    found = take_over(environ)
    assert environ == {"X": "y"}, "no program that is started takes it for its own"
    ((name, (one,)),) = found.items()
    with one:
        assert name == "api"
        assert one.getsockname() == api.getsockname()
        assert not os.get_inheritable(one.fileno())
        port = one.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"localhost:{port}", "127.0.0.1:0"):
            assert opened("api", address, found) == [one]
        for address in (f":{port + 1}", "127.0.0.2:0", f"[::1]:{port}", f"127.0.0.1:{port + 1}"):
            with pytest.raises(ConfigError, match=r"web\.listen_address says"):
                opened("api", address, found)


def test_one_of_another_port_leaves_the_api_to_be_bound(api: socket.socket) -> None:
    found = take_over(given("metrics"))
    (one,) = found["metrics"]
    (own,) = opened("api", "127.0.0.1:0", found)
    with one, own:
        assert own.getsockname() != api.getsockname()
        with pytest.raises(ConfigError, match=r"metrics port .* web\.metrics_address says"):
            opened("metrics", "127.0.0.1:1", found)


@pytest.mark.parametrize("wide", [False, True])
def test_by_ipv6_everywhere_ipv4_comes_in_too(monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as one:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not wide)
        one.bind(("::", 0))
        one.listen()
        monkeypatch.setattr(handed_over, "FIRST", os.dup(one.fileno()))
        found = take_over(given("api"))
        port = one.getsockname()[1]
        with found["api"][0]:
            assert opened("api", f":{port}", found)
            if wide:
                with pytest.raises(ConfigError, match=r"listens on \[::\]"):
                    opened("api", f"[::]:{port}", found)
            else:
                assert opened("api", f"[::]:{port}", found)


@pytest.mark.parametrize(
    ("names", "number", "pid"), [("api", "1", 1), ("api", "x", None), ("api", "", None)]
)
def test_what_is_meant_for_another_program_is_left(
    names: str, number: str, pid: int | None
) -> None:
    assert take_over(given(names, number, pid)) == {}
    assert take_over({}) == {}


@pytest.mark.parametrize(
    ("names", "number", "words"),
    [
        ("api:other", "2", "'other': write FileDescriptorName=api"),
        ("api:metrics", "1", "do not fit"),
        ("api", "2", "do not fit"),
    ],
)
def test_names_that_say_too_little_are_refused(
    api: socket.socket, names: str, number: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        take_over(given(names, number))


def test_what_takes_no_connections_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = socket.socketpair()
    idle, datagrams = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    idle.bind(("127.0.0.1", 0))
    for one in (*pair, idle, datagrams):
        monkeypatch.setattr(handed_over, "FIRST", os.dup(one.fileno()))
        with pytest.raises(ConfigError, match="does not listen on TCP: write ListenStream="):
            take_over(given("api"))
        one.close()
    with open("/dev/null", "rb") as file:  # noqa: PTH123 - its descriptor
        monkeypatch.setattr(handed_over, "FIRST", file.fileno())
        with pytest.raises(ConfigError, match="is no socket"):
            take_over(given("api"))
