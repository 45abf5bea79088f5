"""Any sequence of events whatever is decided soundly, and the agenda always agrees with it."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.actions.merge import UNTOLD
from routing.condition import Condition
from routing.decide import decide, fold, is_next_generation
from routing.decision import Decision, Schedule
from routing.event import (
    AlertsReceived,
    DeliveryFailed,
    DeliveryNoted,
    Event,
    MergeNews,
    Seen,
    TimerDue,
)
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor, Finding, Silence
from routing.matcher import parse_matchers
from routing.person_event import (
    Acknowledged,
    ActionItemAdded,
    ActionItemDone,
    Denied,
    Escalated,
    Merged,
    Noted,
    PriorityChanged,
    Reassigned,
    Reopened,
    Resolved,
    Silenced,
    SilenceExpired,
    Snoozed,
    StatusHidden,
    StatusUpdated,
    Unacknowledged,
)
from routing.rules import Clock, Repage, Rules, Step
from routing.status_rule import STATUSES, WORDINGS, Component, StatusRule
from routing.time_limit import parse_within
from routing.vocabulary import Timer
from tests.support.builders import CALENDAR, KEY, MINUTE, NOW, alert, received
from tests.support.histories import SNAPSHOTS, Snapshot

NOTIFIERS = ("slack", "pagerduty", "log")
PEOPLE = st.builds(
    Actor,
    name=st.text(max_size=5),
    via=st.sampled_from(["slack", "api"]),
    human=st.sampled_from([True, True, False]),
)
EPISODES = st.sampled_from([None, None, 0, 1])
PAGED = st.dictionaries(st.sampled_from(NOTIFIERS), st.integers(0, 4))


def _snapshot(snapshot: Snapshot) -> Event:
    return received(*snapshot)


_HUMAN = st.one_of(
    st.builds(Acknowledged, actor=PEOPLE, episode=EPISODES),
    st.builds(Acknowledged, actor=PEOPLE),
    st.builds(Resolved, actor=PEOPLE, episode=EPISODES),
    st.builds(Unacknowledged, actor=PEOPLE, notifier=st.sampled_from(["", "slack"])),
    st.builds(Reopened, actor=PEOPLE, episode=EPISODES),
    st.builds(
        Snoozed,
        actor=PEOPLE,
        until=st.sampled_from([0, NOW - 1, NOW + 10 * MINUTE, NOW + 90 * MINUTE]),
    ),
    st.builds(Reassigned, actor=PEOPLE, assignee=PEOPLE),
    st.builds(Escalated, actor=PEOPLE, elsewhere=st.booleans()),
    st.builds(Noted, actor=PEOPLE, text=st.text(max_size=5)),
    st.builds(PriorityChanged, actor=PEOPLE, priority=st.sampled_from(["P1", "P2", "P3", "P4"])),
    st.builds(Silenced, actor=PEOPLE, silence=st.just(Silence("s", NOW, "a", "b"))),
    st.builds(SilenceExpired, actor=PEOPLE, silence_id=st.just("s")),
    st.builds(Denied, actor=PEOPLE, action=st.just("resolve")),
    st.builds(ActionItemAdded, actor=PEOPLE, text=st.sampled_from(["a", "b"])),
    st.builds(ActionItemDone, actor=PEOPLE, number=st.integers(1, 2), done=st.booleans()),
    st.builds(
        StatusUpdated,
        actor=PEOPLE,
        status=st.sampled_from(STATUSES),
        components=st.sampled_from([(), (), ("Checkout",)]),
        impact=st.sampled_from(["", "operational"]),
    ),
    st.builds(
        StatusHidden, actor=PEOPLE, hidden=st.booleans(), update=st.integers(0, 2), episode=EPISODES
    ),
    st.builds(Merged, actor=PEOPLE, target=st.sampled_from([f"{KEY}-1", "0-bbbbbbbbbbbbbbbb-1"])),
)
_PARTS = st.builds(
    MergeNews,
    source=st.sampled_from(["0-cccccccccccccccc-1", "0-dddddddddddddddd-2"]),
    title=st.text(max_size=5),
    priority=st.sampled_from(["P1", "P3"]),
    firing=st.integers(0, 2),
    components=st.sampled_from([{}, {"Checkout": "degraded"}]),
)
_ASKED = st.none() | st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(Seen, state=st.sampled_from(["active", "silenced", "gone"])),
)
_ONE_ALERT = st.builds(
    lambda start, resolved: received(alert("a", starts_at=NOW + start, resolved=resolved)),
    st.sampled_from([-MINUTE, -MINUTE, 0]),
    st.booleans(),
)
_ALERTS = st.one_of(st.builds(_snapshot, SNAPSHOTS), _ONE_ALERT, _ONE_ALERT)
_REST: st.SearchStrategy[Event] = st.one_of(
    st.just(received()),
    st.builds(TimerDue, task=st.sampled_from([*Timer, "gone"]), paged=PAGED),
    _PARTS,
    st.builds(
        DeliveryFailed,
        notifier=st.sampled_from([*NOTIFIERS, "gone"]),
        seq=st.integers(0, 4),
        reason=st.text(max_size=5),
        paged=PAGED,
    ),
    st.builds(DeliveryNoted, notifier=st.sampled_from(NOTIFIERS), text=st.text(max_size=5)),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(_ALERTS, _ONE_ALERT, _HUMAN, _REST)
TIME_PASSES = st.builds(
    TimerDue,
    task=st.just("next"),
    paged=PAGED,
    alerts=_ASKED,
    told=st.integers(0, 2),
    told_priority=st.sampled_from(["P1", "P3"]),
    context=st.sampled_from([(), (Finding("changes", "deployed"),)]),
    lost=st.booleans(),
)
"""Stands for the next timer the incident has, when it is due."""
WAITS = st.sampled_from([-MINUTE, 0, 0, 1, 1000, MINUTE, 5 * MINUTE, 40 * MINUTE])
STEPS = st.lists(
    st.builds(
        Step,
        notify=st.lists(st.sampled_from(NOTIFIERS), max_size=2, unique=True).map(tuple),
        after=st.sampled_from([None, None, 2 * MINUTE, 10 * MINUTE]),
        mention=st.sampled_from(["", "!here"]),
    ),
    max_size=4,
).map(tuple)
USUAL = (Step(("slack", "pagerduty")), Step(("slack",)), Step(("log",)))
CLOCKS = st.builds(
    Clock,
    acknowledge_within=st.just(parse_within("5m")),
    deliver_within=st.just(MINUTE),
    calendar=st.just(CALENDAR),
    steps=st.one_of(STEPS, st.just(USUAL)),
    repeat=st.integers(0, 2),
    resolve_within=st.sampled_from([None, parse_within("20m"), parse_within("1 business hour")]),
    update_within=st.sampled_from([None, parse_within("15m")]),
    quiet=st.sampled_from([False, False, True]),
    remind_after=st.sampled_from([0, 10 * MINUTE]),
    remind=st.sampled_from([(), ("slack",), ("slack", "log")]),
    repage=st.sampled_from(
        [None, Repage(), Repage(doubled=True), Repage(when=Condition("new_alerts >= 2"))]
    ),
    inform=st.sampled_from([(), ("sentinel",)]),
)
CHECKOUT = Component(
    "Checkout",
    (parse_matchers('alertname=~".+"')),
    {"P1": "major_outage", "P2": "partial_outage", "P3": "degraded", "P4": "degraded"},
)
STATUS = st.builds(
    StatusRule,
    components=st.just((CHECKOUT,)),
    priorities=st.just(frozenset({"P1", "P2"})),
    wordings=st.just(WORDINGS),
    automatic=st.booleans(),
)
ANY_RULES = st.builds(
    Rules,
    clocks=st.fixed_dictionaries(dict.fromkeys(("P1", "P2", "P3", "P4"), CLOCKS)),
    classify_group=st.sampled_from(
        [None, lambda _alert, size: ("P1" if size > 1 else "P4", "rule on the size")]
    ),
    flap_changes=st.sampled_from([0, 3, 5]),
    stale_after=st.sampled_from([0, 30 * MINUTE]),
    retention=st.sampled_from([0, 90 * MINUTE]),
    enrich=st.booleans(),
    summarize=st.booleans(),
    status=st.none() | STATUS,
)
_STEP = st.tuples(st.one_of(EVENTS, TIME_PASSES), WAITS)
_OPENED: Event = received(alert("a", starts_at=NOW - MINUTE))
WALKS = st.builds(
    lambda first, rest: [(event, 0) for event in first] + rest,
    st.sampled_from([[], [_OPENED], [_OPENED], [_OPENED]]),
    st.lists(_STEP, min_size=1, max_size=20),
)

BESIDE = {"echo", "stale", "flap", "enrich", "summarize"}
"""Timers that may run beside any open state."""
Agenda = dict[tuple[str, str], Schedule]
"""What the commit makes of decisions: (incident, task) -> when it is due and what is wanted."""


def _write(agenda: Agenda, decision: Decision) -> None:
    incident = decision.incident
    if incident is None:
        assert not decision.schedule
        return
    assert not {item.task for item in decision.schedule} & set(decision.cancel)
    for task in decision.cancel:
        agenda.pop((incident.id, task), None)
    for item in decision.schedule:
        known = agenda.get((incident.id, item.task))
        want = max(item.want, known.want if known else 0)
        agenda[(incident.id, item.task)] = msgspec.structs.replace(item, want=want)


def _timers(agenda: Agenda, incident: Incident) -> dict[str, int]:
    return {
        task: item.due
        for (owner, task), item in agenda.items()
        if owner == incident.id and not item.want
    }


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(WALKS, ANY_RULES)
def test_every_sequence_of_events_is_decided_soundly(
    events: list[tuple[Event, int]], found: Rules
) -> None:
    incident, now = None, NOW
    agenda: Agenda = {}
    figures: Counter[tuple[str, str, int, str]] = Counter()
    for sent, wait in events:
        event, now = _due(incident, sent, now + wait)
        before = msgspec.json.encode(incident)
        decision = decide(incident, event, now, found)
        assert msgspec.json.encode(incident) == before
        assert decision.base is incident
        _write(agenda, decision)
        _check_figures(decision, figures)
        if not decision.changed:
            assert decision.incident == incident
            assert (decision.schedule, decision.timeline, decision.observations) == ((), (), ())
            continue
        _check(incident, decision, event)
        _check_care(incident, decision, found)
        incident = decision.incident
        assert incident is not None
        assert _timers(agenda, incident) == incident.timers
        if decision.forget:
            assert not any(owner == incident.id for owner, _ in agenda)
            return


def _due(incident: Incident | None, event: Event, now: int) -> tuple[Event, int]:
    if not isinstance(event, TimerDue) or event.task != "next" or incident is None:
        return event, now
    if not incident.timers:
        return event, now
    due, task = min((due, task) for task, due in incident.timers.items())
    return msgspec.structs.replace(event, task=task), max(now, due)


def _check(before: Incident | None, decision: Decision, event: Event) -> None:
    after = decision.incident
    assert after is not None
    assert msgspec.json.decode(msgspec.json.encode(after), type=Incident) == after
    known = before if before is not None and before.id == after.id else None
    assert after.version == (known.version if known else 0) + 1
    over = before is None or not before.is_open
    assert after.updated_at >= (0 if over or before is None else before.updated_at)
    assert all(entry.at == after.updated_at for entry in decision.timeline)
    if after.state == "resolved":
        assert after.resolved_at
        assert after.resolved_by
        merged = {"merge", "stale"} if after.merged_into else set()
        assert set(after.timers) <= {"echo", "forget"} | merged
        assert not after.firing()
    if after.state == "triggered":
        assert after.acknowledged_by is None
    if after.state == "acknowledged":
        assert after.acknowledged_by is not None
        asked_again = (
            {"delivery"} if any(after.wants(page) for page in after.pages.values()) else set()
        )
        assert set(after.timers) <= BESIDE | {"resolve", "update", "remind"} | asked_again | {
            "quiet"
        }
    if after.state == "snoozed":
        assert after.timers["snooze"] == after.snoozed_until
        assert set(after.timers) <= BESIDE | {"snooze"}
    if after.is_open:
        held = after.by_hand or "flap" in after.timers
        assert after.firing() or held or any(part.firing for part in after.parts.values())
    running = {name for name, found in after.deadlines.items() if found.running}
    assert after.state == "snoozed" or running <= set(after.timers)
    for name, page in after.pages.items():
        last = known.pages[name].seq if known and name in known.pages else 0
        assert last <= page.seq <= last + 1
        assert page.since <= page.seq
    _check_updates(known, decision, event)


def _check_care(before: Incident | None, decision: Decision, found: Rules) -> None:
    """Somebody or something sees to it that it goes on, ends and is forgotten."""
    after = decision.incident
    assert after is not None
    timers, clock = after.timers, found.clocks[after.priority]
    if after.state == "triggered":
        number = after.step + 1
        while (step := clock.step(number)) is not None and not step.notify:
            number += 1
        assert step is None or timers.keys() & {"escalate", "quiet", "acknowledge"}
        assert "acknowledge" in timers or after.deadlines["acknowledge"].missed_at
    if after.state == "acknowledged":
        assert not clock.remind_after or "remind" in timers
        assert not clock.resolve_within or "resolve" in after.deadlines
    if after.state in ("triggered", "acknowledged"):
        assert not clock.update_within or "update" in timers
    if after.is_open:
        parts = [part.priority for part in after.parts.values() if part.firing]
        worst = min([*parts, *(alert.priority for alert in after.firing())], default="P4")
        assert after.priority <= worst or after.pin is not None
        assert not found.stale_after or "stale" in timers or after.kind == "manual"
    elif after.state == "resolved":
        assert not found.retention or "forget" in timers or decision.forget
        assert not any(deadline.running for deadline in after.deadlines.values())
    assert not after.suspected or "echo" in timers
    known = before if before is not None and before.id == after.id else None
    slept = known is not None and known.state == "snoozed"
    for end in after.clock_ends[len(known.clock_ends) if known else 0 :]:
        # Whether it was kept is a matter of time alone; a snooze lets time stand still.
        in_time = slept or (end.at <= end.due if end.outcome == "met" else end.at >= end.due)
        assert end.outcome == "void" or in_time
    for name, page in after.pages.items():
        assert (page.step == INFORMED) == (name == "sentinel")
        assert page.step != INFORMED or (page.seq, page.insists) == (1, False)
    public = after.published
    if public is not None and not public.resolved_at:
        untold = bool(after.merged_into) and after.merged_firing == UNTOLD
        assert after.is_open or untold, "it would stay on the status page for ever"


def _check_updates(known: Incident | None, decision: Decision, event: Event) -> None:
    """Whoever has the incident is told of what shows, and of nothing else."""
    after = decision.incident
    assert after is not None
    told = {item.task for item in decision.schedule if item.want}
    assert all(item.want == after.version for item in decision.schedule if item.want)
    everyone = {f"notify:{name}" for name in after.pages}
    # Who was refused something is for the audit alone.
    timeline = [entry for entry in decision.timeline if entry.kind != "denied"]
    if not timeline and known is not None and _shown(known) == _shown(after):
        assert told == set()
    elif timeline or known is None or known.state != after.state:
        failing = {f"notify:{event.notifier}"} if isinstance(event, DeliveryFailed) else set()
        assert everyone - failing <= told <= everyone
        for name, page in after.pages.items():
            # Nobody who has to page somebody is ever left out.
            paged_before = known.pages[name].seq if known and name in known.pages else 0
            assert page.seq == paged_before or f"notify:{name}" in told


def _shown(incident: Incident) -> Incident:
    return msgspec.structs.replace(
        incident,
        timers={},
        changes=(),
        fell_at=0,
        grown=0,
        told_firing=0,
        merged_firing=0,
        clock_ends=(),
        seen_at=0,
        version=0,
        updated_at=0,
    )


def _check_figures(decision: Decision, figures: Counter[tuple[str, str, int, str]]) -> None:
    after = decision.incident
    for item in decision.observations:
        assert item.value >= 0
        assert after is not None
        if "duration" in item.name:
            by = item.labels["by"] if "acknowledge" in item.name else ""
            figures[(item.name, after.id, after.episode, by)] += 1
            assert not after.merged_into or item.name != "incident_resolution_duration_seconds"
        if item.name == "incidents_total":
            figures[(item.name, after.id, 0, "")] += 1
    assert not figures or max(figures.values()) == 1


def _decide_all(events: list[Event], start: Incident | None, found: Rules) -> list[Decision]:
    decisions = []
    for event in events:
        decision = decide(start, event, NOW + 45 * MINUTE, found)
        if is_next_generation(decision) and any(known.changed for known in decisions):
            break
        start = decision.incident if decision.changed else start
        decisions.append(decision)
    return decisions


@settings(max_examples=200, deadline=None)
@given(WALKS, st.lists(EVENTS, min_size=1, max_size=8), ANY_RULES)
def test_folding_is_deciding_and_committing_one_by_one(
    walk: list[tuple[Event, int]], batch: list[Event], found: Rules
) -> None:
    start = None
    for event, _ in walk:
        start = decide(start, event, NOW, found).incident
    decisions = _decide_all(batch, start, found)
    joined = fold(decisions)
    one_by_one: Agenda = {}
    at_once: Agenda = {}
    for decision in decisions:
        _write(one_by_one, decision)
    _write(at_once, joined)
    last = joined.incident
    assert joined.base is start
    assert joined.changed == any(decision.changed for decision in decisions)
    assert last == decisions[-1].incident
    ours = [item for item in decisions if item.incident and last and item.incident.id == last.id]
    assert joined.timeline == tuple(entry for item in ours for entry in item.timeline)
    assert joined.observations == tuple(
        item for decision in decisions for item in decision.observations
    )
    if last is not None:
        mine = {key: item for key, item in one_by_one.items() if key[0] == last.id}
        assert at_once == mine


@settings(max_examples=100, deadline=None)
@given(st.lists(SNAPSHOTS, min_size=1, max_size=5), ANY_RULES)
def test_a_batch_of_notifications_folds_to_the_incident_they_make(
    told: list[Snapshot], found: Rules
) -> None:
    events: list[Event] = [received(*snapshot) for snapshot in told]
    joined = fold(_decide_all(events, None, found))
    incident = joined.incident
    assert incident is not None
    assert joined.base is None
    agenda: Agenda = {}
    _write(agenda, joined)
    assert _timers(agenda, incident) == incident.timers
    assert {name for _, name in agenda if name.startswith("notify:")} == {
        f"notify:{name}" for name in incident.pages
    }


def test_an_empty_notification_is_nothing_at_all() -> None:
    event = received()
    assert isinstance(event, AlertsReceived)
    decision = decide(None, event, NOW, Rules(clocks={}))
    assert (decision.reason, decision.changed, decision.incident) == ("repeat", False, None)
