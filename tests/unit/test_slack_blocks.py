"""Whatever an alert holds, its message stays inside every limit and pings nobody."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.notifier import View
from receiver.slack.blocks.digest_message import DIGEST_MAX, digest_message
from receiver.slack.blocks.incident_message import (
    incident_message,
    message_text,
    page_text,
    plain_message,
    thread_note,
)
from receiver.slack.mrkdwn import escaped, mrkdwn, plain
from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Deadline, Entry, Page, Unreached
from tests.fakes import slack_blocks as strict
from tests.fakes.slack_text import links, mentions

TIMES = int(os.environ.get("SLACK_LIMITS_TIMES", "1"))
"""More examples for a proof than for a test run."""

NASTY = ["<!channel>", "<@U1>", "<https://evil.example|x>", "&amp;", "`*_~", "\u202e", "\x00", "😀"]
TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(NASTY),
    st.builds(
        lambda part, times: part * times,
        st.sampled_from([*NASTY, "A", "&<>"]),
        st.integers(1, 3000),
    ),
)
LABELS = st.dictionaries(
    st.sampled_from(["alertname", "service", "instance", "cluster", "severity", "pod"]), TEXT
)
NOTES = st.dictionaries(st.sampled_from(["summary", "description", "message"]), TEXT)
ALERTS = st.builds(
    Alert,
    fingerprint=st.uuids().map(str),
    labels=LABELS,
    annotations=NOTES,
    starts_at=st.integers(0, 4_000_000_000_000),
    resolved=st.booleans(),
    generator_url=st.one_of(TEXT, st.just("https://prometheus.example/graph")),
    priority=st.sampled_from(["P1", "P2", "P3", "P4"]),
)
INCIDENTS = st.builds(
    Incident,
    id=st.just("0-aaaaaaaaaaaaaaaa-1"),
    group=st.builds(Group, cluster=TEXT, receiver=TEXT, group_key=TEXT),
    state=st.sampled_from(["triggered", "acknowledged", "snoozed", "resolved"]),
    snoozed_until=st.integers(0, 4_000_000_000_000),
    assigned_to=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("api"))),
    flapping=st.booleans(),
    unreached=st.one_of(
        st.none(),
        st.builds(Unreached, since=st.just(1), why=TEXT, until=st.sampled_from([0, 90_000])),
    ),
    stale_at=st.integers(0, 1),
    merged_into=st.sampled_from(["", "", "0-bbbbbbbbbbbbbbbb-1"]),
    episode=st.integers(0, 99),
    version=st.integers(1, 10**6),
    priority=st.sampled_from(["P1", "P4"]),
    priority_reason=TEXT,
    title=TEXT,
    runbook_url=st.one_of(TEXT, st.just("https://wiki.example/" + "r" * 2900)),
    alerts=st.lists(ALERTS, max_size=8).map(lambda found: {a.fingerprint: a for a in found}),
    episode_opened_at=st.integers(0, 4_000_000_000_000),
    acknowledged_at=st.integers(0, 4_000_000_000_000),
    acknowledged_by=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("slack"))),
    resolved_at=st.integers(0, 4_000_000_000_000),
    resolved_by=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("api"))),
    deadlines=st.one_of(
        st.just({}),
        st.builds(
            lambda due, missed: {
                "acknowledge": Deadline(due=due, missed_at=missed),
                "resolve": Deadline(due=due, missed_at=missed),
            },
            st.integers(0, 4_000_000_000_000),
            st.integers(0, 4_000_000_000_000),
        ),
    ),
)
ENTRIES = st.lists(
    st.builds(
        Entry, at=st.just(1), kind=st.sampled_from(["resolved", "escalated", "opened"]), text=TEXT
    ),
    max_size=60,
)


def _view(incident: Incident, url: str = "http://localhost:8080/v1/incidents/x") -> View:
    page = Page(seq=2, since=1, step=1, reason="deadline")
    return View(incident=incident, page=page, timeline=(), now=1, url=url)


@settings(max_examples=120 * TIMES, deadline=None)
@given(INCIDENTS)
def test_any_incident_is_inside_every_limit_and_pings_nobody(incident: Incident) -> None:
    text, blocks = incident_message(_view(incident))
    problems: list[Any] = strict.check_blocks(blocks)
    assert problems == []
    everything = [text, plain_message(_view(incident)), page_text(_view(incident))]
    for shown in [*everything, *_mrkdwn(blocks)]:
        assert mentions(shown, []) == []
        assert links(shown, []) == []
        shown.encode()
    assert all(len(shown) <= 4000 for shown in everything)
    assert sum(len(part) for part in _mrkdwn(blocks)) < 9_000


def _mrkdwn(blocks: list[Any]) -> list[str]:
    items = (item for block in blocks for item in [block.get("text"), *block.get("elements", [])])
    return [item["text"] for item in items if item and item.get("type") == "mrkdwn"]


@settings(max_examples=100 * TIMES, deadline=None)
@given(INCIDENTS, ENTRIES)
def test_a_note_for_the_thread_is_bounded_and_quiet(
    incident: Incident, entries: list[Entry]
) -> None:
    told = [entry for entry in entries if entry.kind != "opened"]
    if told:
        text = thread_note(_view(incident), told)
        assert len(text) <= 4000
        assert mentions(text, []) == []


@settings(max_examples=300 * TIMES, deadline=None)
@given(TEXT, st.integers(2, 400))
def test_nothing_is_cut_inside_an_escape(text: str, limit: int) -> None:
    for cut in (mrkdwn(text, limit), escaped(text, limit)):
        assert len(cut) <= limit
        rest = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set(rest) & set("&<>")
    assert 1 <= len(plain(text, limit)) <= limit


def test_the_line_a_phone_shows_names_priority_state_and_title() -> None:
    incident = Incident(
        id="x", group=Group("", "", ""), state="triggered", priority="P1", title="Down"
    )
    assert message_text(incident) == "🔴 P1 triggered: Down"


@pytest.mark.parametrize("filler", ["A", "&", "<!here> ", "*", "\ud800A", "x" * 100_000])
def test_the_longest_alerts_fill_no_section_beyond_its_limit(filler: str) -> None:
    text = filler * (1_000_000 // len(filler)) if len(filler) > 10 else filler * 5_000
    labels = {"alertname": text, "cluster": text, "instance": text}
    alerts = {
        f"{number}": Alert(
            f"{number}", labels, {"summary": text}, starts_at=7_000 * 365 * 86_400_000
        )
        for number in range(10_000 if filler == "A" else 9)
    }
    incident = Incident(
        id="x", group=Group("", "", ""), state="triggered", title=text, alerts=alerts
    )
    _, blocks = incident_message(_view(incident))
    assert strict.check_blocks(blocks) == []


@pytest.mark.slow
@settings(max_examples=150 * TIMES, deadline=None)
@given(st.lists(INCIDENTS, min_size=1, max_size=DIGEST_MAX))
def test_a_digest_of_any_incidents_is_accepted_and_pings_nobody(found: list[Incident]) -> None:
    url = "https://incidents.example/incidents/0-aaaaaaaaaaaaaaaa-1"
    page = Page(seq=1, since=1, step=0, reason="opened")
    views = [View(incident, page, (), 0, url) for incident in found]
    text, blocks = digest_message(views)
    assert strict.check_blocks(blocks) == []
    assert len(text) < 150
    assert mentions(text, blocks) == []
    assert set(links(text, blocks)) <= {url}
