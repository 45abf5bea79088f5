"""Whatever an alert holds, its message stays inside every limit and pings nobody."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.notifier import View
from receiver.slack.blocks.digest_message import DIGEST_MAX, digest_message
from receiver.slack.blocks.incident_message import incident_message, message_text, plain_message
from receiver.slack.blocks.thread import page_text, thread_note
from receiver.slack.mrkdwn import escaped, mrkdwn, plain
from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Entry, Page
from tests.support.fakes import slack_blocks as strict
from tests.support.fakes.slack_text import links, mentions
from tests.support.odd_incidents import INCIDENTS, TEXT, TIMES

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
