"""Where links of senders lead: shown, and of a list where there is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.links import HOST_MAX, Hosts, check_pattern, host_of, named
from routing.runbook import is_link

GRAPH = "http://prometheus.example.com:9090/graph?g0.expr=up&g0.tab=1#x"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Wiki.Example.com/x", "wiki.example.com"),
        ("http://wiki.example.com.:8443?x", "wiki.example.com"),
        ("http://[2001:db8::1]:90/x", "[2001:db8::1]"),
        ("https://ours.example@evil.example/", ""),
        ("javascript:alert(1)//ours.example", ""),
        ("//ours.example/x", ""),
        ("data:text/html,x", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_link(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_link_is_shown_with_its_host_and_ours_is_not() -> None:
    assert named("Runbook", "https://wiki.example.com/x") == "Runbook (wiki.example.com)"
    assert named("Runbook", "https://im.example:1/x", "https://im.example/i") == "Runbook"
    assert named("Runbook", "nonsense") == "Runbook"
    long = named("Runbook", f"https://ours.example.{'a' * 60}.evil.example/")
    assert long.endswith("a.evil.example)")
    assert len(long) <= HOST_MAX + len("Runbook ()")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://wiki.example.com/x", True),
        ("https://WIKI.example.com:8443/x", True),
        ("https://a.b.ops.example.com/x", True),
        ("https://ops.example.com/x", False),
        ("https://evil-ops.example.com/x", False),
        ("https://wiki.example.com.evil.example/x", False),
        ("https://evil.example/?wiki.example.com", False),
        ("https://evil.example/#@wiki.example.com", False),
        ("", True),
    ],
)
def test_of_a_list_a_host_is_itself_or_below_one(url: str, allowed: bool) -> None:
    hosts = Hosts(["wiki.example.com", "*.ops.example.com"])
    assert hosts.allow(url) is allowed
    assert Hosts().allow(url)


def test_what_leads_elsewhere_keeps_what_prometheus_is_asked() -> None:
    assert Hosts(["prometheus.example.com"]).without_link(GRAPH) == GRAPH
    kept = Hosts(["wiki.example.com"]).without_link(GRAPH)
    assert kept == "?g0.expr=up&g0.tab=1"
    assert not is_link(kept)


@given(st.text(max_size=60))
def test_nothing_that_is_not_allowed_is_left_as_a_link(text: str) -> None:
    for url in (text, f"http://{text}", f"https://evil.example/{text}"):
        kept = Hosts(["wiki.example.com"]).without_link(url)
        assert not is_link(kept) or host_of(kept) == "wiki.example.com"


@pytest.mark.parametrize("text", ["", "*", "*.", "https://a.example", "a.example:8", "a/b", "a*.b"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a host such as"):
        check_pattern(text)
