"""What must hold for every history, in any order and with any duplication."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.decide import TIMER_TASKS, decide
from routing.event import (
    Acknowledged,
    DeliveryFailed,
    DeliveryNoted,
    Event,
    Resolved,
    TimerDue,
)
from routing.incident import Actor, Incident
from tests.unit.builders import MINUTE, NOW, received, rules
from tests.unit.histories import Snapshot, history, shuffled

RULES = rules()


def _end(told: list[Snapshot], now: int) -> Incident | None:
    incident = None
    for snapshot in told:
        incident = decide(incident, received(*snapshot), now, RULES).incident
    return incident


def _shape(incident: Incident | None) -> object:
    """What "the same incident" means: alerts, state and priority."""
    if incident is None:
        return None
    alerts = sorted(
        (alert.fingerprint, alert.starts_at, alert.resolved, alert.ends_at)
        for alert in incident.alerts.values()
    )
    return alerts, incident.state, incident.priority


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_any_order_and_duplication_ends_in_the_same_incident(seed: int, order: int) -> None:
    told = history(seed)
    assert _shape(_end(told, NOW)) == _shape(_end(shuffled(told, order), NOW))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_telling_all_of_it_again_changes_nothing_but_suspicions(seed: int) -> None:
    told = history(seed)
    assert _shape(_end(told, NOW)) == _shape(_end(told + told, NOW))


PEOPLE = st.builds(Actor, name=st.text(max_size=5), via=st.sampled_from(["slack", "api"]))
EPISODES = st.one_of(st.none(), st.integers(0, 3))


def _some_snapshot(seed: int, place: int) -> Event:
    told = history(seed) or [()]
    return received(*told[place % len(told)])


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(_some_snapshot, st.integers(0, 50), st.integers(0, 9)),
    st.builds(Acknowledged, actor=PEOPLE, episode=EPISODES),
    st.builds(Resolved, actor=PEOPLE, episode=EPISODES),
    st.builds(
        TimerDue,
        task=st.sampled_from(TIMER_TASKS),
        paged=st.dictionaries(st.sampled_from(["slack", "pagerduty"]), st.integers(0, 5)),
    ),
    st.builds(
        DeliveryFailed,
        notifier=st.sampled_from(["slack", "pagerduty", "gone"]),
        seq=st.integers(0, 5),
        reason=st.text(max_size=5),
    ),
    st.builds(DeliveryNoted, notifier=st.just("slack"), text=st.text(max_size=5)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.integers(-MINUTE, 20 * MINUTE)), max_size=25))
def test_every_sequence_of_events_is_decided_soundly(events: list[tuple[Event, int]]) -> None:
    incident, now = None, NOW
    for event, wait in events:
        now += wait
        decision = decide(incident, event, now, RULES)
        _check(incident, decision.incident, decision.changed)
        assert all(item.value >= 0 for item in decision.observations)
        if decision.changed:
            incident = decision.incident


def _check(before: Incident | None, after: Incident | None, changed: bool) -> None:
    if after is None or not changed:
        return
    assert after.version > (before.version if before and before.id == after.id else 0)
    assert after.updated_at >= (before.updated_at if before else 0)
    assert msgspec.json.decode(msgspec.json.encode(after), type=Incident) == after
    if after.state == "resolved":
        assert after.resolved_at
        assert set(after.timers) <= {"echo"}
    if after.state == "triggered":
        assert after.firing()
        assert after.acknowledged_by is None
    for name, page in after.pages.items():
        known = before.pages.get(name) if before and before.id == after.id else None
        assert page.seq >= (known.seq if known else 1)
        assert page.since <= page.seq


def test_histories_are_varied_enough_to_prove_something() -> None:
    shapes = [history(seed) for seed in range(200)]
    assert sum(len(told) > 3 for told in shapes) > 80
    ends = [_end(told, NOW) for told in shapes]
    states = {incident.state for incident in ends if incident}
    assert states >= {"triggered", "resolved"}
