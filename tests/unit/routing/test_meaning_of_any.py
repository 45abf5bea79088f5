"""Whatever the policy, the deadlines and the calendar: what is derived is what happens."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.meaning_played import answered as play_answered
from benchmarks.meaning_played import unanswered as play_unanswered
from routing.config.calendar import CalendarConfig
from routing.implied import covers, implies, impossible
from routing.matcher import Matcher, matches_all
from routing.meaning import answered, plan_of, unanswered
from routing.rules import Clock, Step
from routing.time_limit import parse_within
from tests.support.builders import MINUTE, NOW, alert, received, rules_of

CALENDARS = [
    CalendarConfig.model_validate(config).build()
    for config in (
        {},
        {"time_zone": "Europe/Berlin", "hours": ["08:00-12:00", "13:00-18:00"]},
        {"time_zone": "America/New_York", "hours": {"wed": "10:00-11:00", "sat": "00:00-24:00"}},
        {"time_zone": "Asia/Kolkata", "hours": "00:00-24:00", "holidays": {"country": "IN"}},
    )
]
WITHINS = ["7m", "45m", "3h", "1d", "30 business minutes", "9 business hours", "next business day"]
OFFSETS = [None, None, 0, 7, 10, 45, 100, 600, 2000]


@st.composite
def clocks(draw: st.DrawFn) -> Clock:
    """Any clock that a configuration may have."""
    names = st.lists(st.sampled_from(["slack", "pagerduty", "dba"]), min_size=1, unique=True)
    mentions = st.sampled_from(["", "!here"])
    steps = tuple(
        Step(tuple(draw(names)), None if at is None else at * MINUTE, draw(mentions))
        for at in draw(st.lists(st.sampled_from(OFFSETS), max_size=4))
    )
    steps = (Step(tuple(draw(names))), *steps)
    within = st.sampled_from(WITHINS).map(parse_within)
    return Clock(
        acknowledge_within=draw(st.none() | within),
        deliver_within=MINUTE,
        steps=steps,
        calendar=draw(st.sampled_from(CALENDARS)),
        repeat=draw(st.integers(0, 3)),
        resolve_within=draw(st.none() | within),
        update_within=draw(st.none() | within),
        quiet=draw(st.booleans()),
        remind_after=draw(st.sampled_from([0, 20, 700])) * MINUTE,
        remind=("slack",),
    )


@settings(max_examples=400, deadline=None)
@given(clock=clocks(), minute=st.integers(0, 3 * 7 * 24 * 60), last_first=st.booleans())
def test_what_is_derived_is_what_happens(clock: Clock, minute: int, *, last_first: bool) -> None:
    found = rules_of(P1=clock, P2=clock, P3=clock, P4=clock)
    start = NOW + minute * MINUTE
    event = received(alert(starts_at=start))
    plan = plan_of(clock)
    said = unanswered(plan, start)
    assert said == play_unanswered(event, start, found, last_first=last_first)
    at = said.pages[0].at + 91_003
    assert answered(plan, start, at) == play_answered(
        event, start, at, found, last_first=last_first
    )


VALUES = ["", "a", "b", "ab"]
MATCHERS = st.builds(
    Matcher,
    st.sampled_from(["x", "y"]),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from([*VALUES, "a|b", "a.*", ".+", ".*", "[ab]"]),
)
LABELS: list[dict[str, Any]] = [{"x": x, "y": y} for x in VALUES for y in VALUES]


@given(st.lists(MATCHERS, max_size=3), st.lists(MATCHERS, max_size=3))
def test_what_is_said_of_matchers_holds_for_all_labels(one: Any, other: Any) -> None:
    if covers(one, other):
        assert all(matches_all(one, labels) for labels in LABELS if matches_all(other, labels))
    if impossible(one):
        assert not any(matches_all(one, labels) for labels in LABELS)
    for first in one:
        for second in other:
            if implies(first, second):
                assert all(second.matches(labels) for labels in LABELS if first.matches(labels))
