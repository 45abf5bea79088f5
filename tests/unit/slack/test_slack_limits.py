"""Windows, the App Home and answers to commands: any incident fits, and nothing in it pings.

The messages themselves are in test_slack_blocks.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.actions.status_page import TITLE_MAX
from receiver.observability.response_figures import by_priority
from receiver.review.build import review_of
from receiver.slack.blocks import modals as windows
from receiver.slack.blocks.form import form
from receiver.slack.blocks.home import Work, home
from receiver.slack.blocks.review_modal import review_window
from receiver.slack.blocks.status_modal import status_update
from receiver.slack.client.directory import User
from receiver.slack.interactions.listing import incident_list
from receiver.store.lists.legs import ListPage
from receiver.store.lists.query import Query
from receiver.web.status_page.config import COMPONENTS_MAX, NAME_MAX
from routing.handle import handles_of
from routing.incident import Incident
from routing.incident_parts import ActionItem, Entry, Publication, PublicUpdate, Silence
from routing.silence import check_matchers, default_matchers
from routing.status_rule import IMPACTS, STATUSES
from tests.support.fakes import slack_blocks as strict
from tests.support.fakes.slack_text import links, mentions
from tests.support.fakes.slack_views import ViewChecker
from tests.support.odd_incidents import INCIDENTS, TEXT, TIMES

NOW = 1_772_445_600_000
TIMELINES = st.lists(
    st.builds(
        Entry,
        at=st.integers(0, 4_000_000_000_000),
        kind=st.sampled_from(["opened", "reopened", "note", "resolved", "paged", "denied"]),
        text=TEXT,
        by=TEXT,
    ),
    max_size=60,
)
SILENCES = st.lists(
    st.builds(Silence, id=st.uuids().map(str), until=st.integers(0, 2**42), matchers=TEXT, by=TEXT),
    max_size=20,
)


ITEMS = st.lists(
    st.builds(
        ActionItem, number=st.integers(1, 50), text=TEXT, at=st.just(NOW), by=TEXT, owner=TEXT
    ),
    max_size=50,
)


def _check(view: Any, *ours: str) -> None:
    problems: list[Any] = ViewChecker().check_view(view)
    assert problems == []
    assert mentions("", view["blocks"]) == []
    assert set(links("", view["blocks"])) <= set(ours)


@pytest.mark.slow
@settings(max_examples=120 * TIMES, deadline=None)
@given(INCIDENTS, st.lists(INCIDENTS, max_size=120), SILENCES)
def test_every_window_of_any_incident_is_taken_by_slack(
    incident: Incident, others: list[Incident], silences: list[Silence]
) -> None:
    matchers = [str(matcher) for matcher in default_matchers(incident)]
    distinct = [
        Incident(f"0-{at:016x}-1", o.group, o.state, title=o.title) for at, o in enumerate(others)
    ]
    for view in (
        windows.more(incident, "C1", public=True),
        windows.snooze(incident, "C1", NOW),
        form("assign", incident, "C1"),
        windows.priority(incident, "C1"),
        form("note", incident, "C1"),
        form("action_item", incident, "C1"),
        windows.resolve(incident, "C1"),
        windows.silence(incident, "C1", matchers, silences),
        windows.merge(incident, "C1", distinct, len(distinct) * 1_000),
    ):
        _check(view)


COMPONENTS = ["C" * NAME_MAX, *(f"Component {number}" for number in range(1, COMPONENTS_MAX))]
PUBLISHED = st.builds(
    Publication,
    title=TEXT.map(lambda text: text[:TITLE_MAX]),
    started_at=st.just(NOW),
    components=st.dictionaries(st.sampled_from(COMPONENTS), st.sampled_from(IMPACTS), min_size=1),
    updates=st.lists(
        st.builds(PublicUpdate, at=st.just(NOW), status=st.sampled_from(STATUSES), text=TEXT),
        max_size=50,
    ).map(tuple),
    resolved_at=st.sampled_from([0, NOW]),
    hidden=st.booleans(),
)


@settings(max_examples=120 * TIMES, deadline=None)
@given(INCIDENTS, st.none() | PUBLISHED)
def test_the_window_of_the_status_page_is_taken_by_slack(
    incident: Incident, published: Publication | None
) -> None:
    incident = msgspec.structs.replace(incident, published=published)
    _check(status_update(incident, "C1", COMPONENTS))


@settings(max_examples=120 * TIMES, deadline=None)
@given(INCIDENTS, TIMELINES, ITEMS)
def test_any_review_fits_its_window(
    incident: Incident, timeline: list[Entry], items: list[ActionItem]
) -> None:
    found = msgspec.structs.replace(incident, action_items=tuple(items))
    review = review_of(found, timeline, {}, NOW)
    _check(review_window(review, found.episode, "https://im.example/incidents/x/review"))


@settings(max_examples=120 * TIMES, deadline=None)
@given(TEXT, TEXT)
def test_any_message_becomes_a_form(title: str, details: str) -> None:
    _check(windows.open_incident("C1", "key", title, details))
    _check(windows.notice("Nothing changed", windows.quoted(title) or "-"))


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.lists(INCIDENTS, max_size=60), st.sampled_from([None, 0, 10_000]), TEXT)
def test_any_home_and_any_list_fit(found: list[Incident], more: int | None, text: str) -> None:
    opened = [one for one in found if one.is_open]
    total = len(opened) + (more or 0)
    free = [one for one in opened if one.state == "triggered"]
    console = "http://localhost/"
    work = Work(opened, total, free, len(free) + (more or 0), console)
    view = home(User("U1"), work, by_priority([]), NOW)
    _check(view, console, f"{console}?state=triggered")
    page = ListPage(opened, "", None if more is None else total)
    url = Query(text=text.strip()[:200]).address(console)
    answer = incident_list(page, handles_of({one.id for one in opened}, total), url)
    assert strict.check_blocks(answer["blocks"]) == []
    assert mentions(answer["text"], answer["blocks"]) == []
    assert len(answer["text"]) < 4_000


@settings(max_examples=200 * TIMES, deadline=None)
@given(INCIDENTS)
def test_a_proposed_silence_covers_what_fires_and_nothing_that_differs(incident: Incident) -> None:
    found = default_matchers(incident)
    alerts = incident.firing() or list(incident.alerts.values())
    for alert in alerts:
        assert all(matcher.matches(alert.labels) for matcher in found)
    if found:
        assert check_matchers(found) == ""
        first = alerts[0].labels
        for name in {matcher.name for matcher in found}:
            other = first | {name: f"{first[name]}x"}
            assert not all(matcher.matches(other) for matcher in found)
    else:
        assert check_matchers(found)
