"""An episode: how it opens, comes again, and ends."""

from typing import Any

import msgspec
import pytest

from routing import episode
from routing.alert import Alert
from routing.incident import Incident
from routing.incident_parts import AUTOMATIC, Actor, Deadline, Finding, Part, Pin, Unreached
from routing.rules import Rules
from tests.support.builders import MINUTE, NOW, alert, rules
from tests.support.drafts import draft, observed, said

ANN = Actor("ann", "slack", "U1")
RULES = rules()
FULL = rules(stale_after=60 * MINUTE, retention=90 * MINUTE, flap_changes=3, enrich=True)
OVER = alert(resolved=True, starts_at=NOW - 10 * MINUTE, ends_at=NOW - MINUTE)


def names(made: Any) -> list[str]:
    return [name for name, _, _ in observed(made)]


def fresh(*alerts: Alert, **more: Any) -> Any:
    """A draft of a group that nothing was known of."""
    return draft(
        *alerts, state="tombstone", priority="P4", opened_at=0, episode_opened_at=0, **more
    )


# Opening.


def test_what_fires_opens_pages_and_is_looked_into() -> None:
    fires = alert(starts_at=NOW - 90_000, runbook_source="catalogue")
    made = fresh(fires)
    assert episode.begin(made, FULL, [fires], fired=False) == "opened"
    after = made.incident
    assert (after.state, after.opened_at, after.episode_opened_at) == ("triggered", NOW, NOW)
    assert (after.priority, after.title, after.severity) == ("P1", "HighErrorRate", "critical")
    assert after.timers == {
        "acknowledge": NOW + 5 * MINUTE,
        "delivery": NOW + MINUTE,
        "stale": NOW + 60 * MINUTE,
        "enrich": NOW,
    }
    assert after.changes == (NOW,)
    assert [kind for kind, _ in said(made)] == ["opened", "paged"]
    labels = {"severity": "critical", "type": "alert", "source": "other", "priority": "P1"}
    assert observed(made) == [
        ("incidents_total", 1.0, labels),
        ("incident_runbooks_total", 1.0, {"source": "catalogue"}),
        ("incident_detection_delay_seconds", 90.0, {"priority": "P1", "source": "other"}),
        ("incident_pages", 1, {"priority": "P1", "notifier": "pagerduty"}),
        ("incident_pages", 1, {"priority": "P1", "notifier": "slack"}),
    ]


@pytest.mark.parametrize(
    ("starts", "delay"),
    [([NOW], 0.0), ([NOW + 60 * MINUTE], 0.0), ([NOW - 1, NOW - 1_500], 1.5), ([NOW - 500], 0.5)],
)
def test_the_delay_is_that_of_the_oldest_and_never_below_zero(
    starts: list[int], delay: float
) -> None:
    firing = [alert(str(n), starts_at=at) for n, at in enumerate(starts)]
    made = fresh(*firing)
    episode.begin(made, RULES, firing, fired=False)
    assert [value for name, value, _ in observed(made) if "delay" in name] == [delay]


def test_without_a_runbook_that_is_counted_too() -> None:
    made = fresh(alert())
    episode.begin(made, RULES, [alert()], fired=False)
    assert ("incident_runbooks_total", 1.0, {"source": "none"}) in observed(made)


def test_what_a_person_opens_says_by_whom_and_nobody_repeats_it() -> None:
    made = fresh(alert(), kind="manual", opened_by=ANN)
    episode.begin(made, FULL, [alert()], fired=False)
    assert said(made)[0] == ("opened", "Opened by ann: HighErrorRate")
    assert made.timeline[0].by == "ann"
    assert "stale" not in made.incident.timers


def test_what_is_over_before_it_is_told_is_closed_and_pages_nobody() -> None:
    minor = alert("b", resolved=True, priority="P3", starts_at=NOW - 20 * MINUTE)
    made = fresh(minor, OVER)
    assert episode.begin(made, FULL, [], fired=True) == "covered"
    after = made.incident
    assert (after.state, after.priority, after.pages) == ("resolved", "P1", {})
    assert (after.resolved_at, after.resolved_by) == (NOW, AUTOMATIC)
    assert after.timers == {"forget": NOW + 90 * MINUTE}
    assert names(made) == ["incidents_total"]


@pytest.mark.parametrize("worth", [True, False])
def test_nothing_is_looked_for_where_nothing_is_to_be_found(*, worth: bool) -> None:
    asked: list[str] = []

    def worth_asking(incident: Incident) -> bool:
        asked.append(f"{incident.state} {incident.title}")
        return worth

    found = msgspec.structs.replace(FULL, worth_asking=worth_asking)
    made = fresh(alert())
    episode.begin(made, found, [alert()], fired=False)
    assert ("enrich" in made.incident.timers) is worth
    assert asked == ["triggered HighErrorRate"]
    without = msgspec.structs.replace(found, enrich=False)
    episode.begin(fresh(alert()), without, [alert()], fired=False)
    assert len(asked) == 1


# Coming again.


def test_a_new_episode_keeps_nothing_of_what_was_done_in_the_one_before() -> None:
    made = draft(
        alert(),
        state="resolved",
        episode=2,
        resolved_at=NOW - MINUTE,
        resolved_by=ANN,
        acknowledged_at=NOW - 5 * MINUTE,
        acknowledged_by=ANN,
        acknowledge_counted=True,
        automation_counted=True,
        assigned_to=ANN,
        deadlines={"acknowledge": Deadline(NOW, met_at=NOW)},
        stale_at=1,
        vanished={"a": "gone"},
        unreached=Unreached(NOW, "all", until=NOW),
        fell_at=5,
        pin=Pin("P4", "P1", "Ann"),
        context=(Finding("deploys", "old"),),
        timers={"forget": NOW + 90 * MINUTE},
        now=NOW + MINUTE,
    )
    reason = episode.reopen(made, FULL, [alert()], "Firing again: X")
    after = made.incident
    assert (reason, after.state, after.episode) == ("reopened", "triggered", 3)
    assert (after.opened_at, after.episode_opened_at) == (NOW, NOW + MINUTE)
    assert (after.resolved_at, after.resolved_by, after.acknowledged_at) == (0, None, 0)
    assert (after.acknowledged_by, after.assigned_to, after.pin) == (None, None, None)
    assert not after.acknowledge_counted
    assert not after.automation_counted
    assert (after.stale_at, after.vanished, after.unreached, after.fell_at) == (0, {}, None, 0)
    assert after.context == ()
    assert after.deadlines.keys() == {"acknowledge"}
    assert after.deadlines["acknowledge"].running
    assert "forget" not in after.timers
    assert {page.reason for page in after.pages.values()} == {"reopened"}
    assert said(made)[0] == ("reopened", "Firing again: X")
    assert (made.timeline[0].by, made.timeline[0].via) == ("", "automatic")
    assert names(made) == ["incident_reopened_total", "incident_pages", "incident_pages"]
    assert after.changes == (NOW + MINUTE,)


def test_a_person_who_reopens_is_named_is_no_change_and_is_not_rung() -> None:
    made = draft(state="resolved")
    episode.reopen(made, FULL, [], "Reopened", by=ANN, skip="slack")
    assert (made.timeline[0].by, made.timeline[0].via) == ("ann", "slack")
    assert (made.incident.changes, set(made.incident.pages)) == ((), {"pagerduty"})
    assert made.incident.title == "HighErrorRate"


def test_without_an_alert_of_its_own_it_is_as_urgent_as_what_was_merged_into_it() -> None:
    made = draft(state="resolved", priority="P4", parts={"x": Part("t", "P2", 1)})
    episode.reopen(made, RULES, [], "Merged x fires")
    assert (made.incident.priority, made.incident.priority_reason) == ("P2", "merged incident x")


def test_what_fires_again_is_named_once_in_order_and_five_at_most() -> None:
    firing = [alert(str(n), labels={"alertname": name}) for n, name in enumerate("GFEDCBAA")]
    assert episode.firing_again(firing) == "Firing again: A, B, C, D, E"


# Ending.


def ended(*alerts: Alert, found: Rules = FULL, settled: bool = False, **more: Any) -> Any:
    """The reason and the draft of an incident whose alerts were these and are over now."""
    made = draft(*alerts, **more)
    made.set(alerts={"a": OVER})
    return episode.end(made, found, settled=settled), made


def test_the_end_of_all_alerts_is_the_end() -> None:
    reason, made = ended(
        alert(),
        now=NOW + 5 * MINUTE,
        snoozed_until=NOW + 60 * MINUTE,
        deadlines={"acknowledge": Deadline(NOW + 10 * MINUTE), "resolve": Deadline(NOW + MINUTE)},
        timers={"acknowledge": NOW + 10 * MINUTE, "stale": NOW, "flap": NOW},
    )
    after = made.incident
    assert (reason, after.state, after.resolved_by) == ("resolved", "resolved", AUTOMATIC)
    assert (after.resolved_at, after.snoozed_until) == (NOW + 5 * MINUTE, 0)
    assert after.timers == {"forget": NOW + 95 * MINUTE}
    outcomes = [
        (labels["clock"], labels["outcome"])
        for name, _, labels in observed(made)
        if name == "incident_deadlines_total"
    ]
    # Nobody was needed any more for the first; the second had run out before.
    assert outcomes == [("acknowledge", "void"), ("resolve", "missed")]
    (seconds,) = [
        value for name, value, _ in observed(made) if name == "incident_resolution_duration_seconds"
    ]
    assert seconds == 300.0
    assert said(made)[-1] == ("resolved", "All alerts resolved")


@pytest.mark.parametrize(
    "more", [{"by_hand": True}, {"parts": {"x": Part("t", "P1", 0), "y": Part("t", "P3", 1)}}]
)
def test_what_a_person_or_a_part_keeps_open_does_not_end(more: dict[str, Any]) -> None:
    for settled in (False, True):
        reason, made = ended(alert(), settled=settled, **more)
        assert (reason, made.incident.state, said(made)) == ("updated", "triggered", [])


def test_parts_that_are_over_keep_nothing_open() -> None:
    assert ended(alert(), parts={"x": Part("t", "P1", 0)})[0] == "resolved"


def test_the_end_that_makes_it_flap_is_held_back() -> None:
    reason, made = ended(alert(), changes=(NOW - 2, NOW - 1))
    assert (reason, made.incident.state, made.incident.flapping) == ("flapping", "triggered", True)
    assert made.incident.changes == (NOW - 2, NOW - 1, NOW)
    assert made.incident.timers == {"flap": NOW + FULL.flap_hold}
    assert "incident_flapping_total" in names(made)


def test_an_end_that_is_told_again_is_no_change() -> None:
    reason, made = ended(OVER, flapping=True, timers={"flap": NOW + 1}, changes=(NOW - 1,))
    assert (reason, made.incident.changes) == ("flapping", (NOW - 1,))
    assert made.incident.timers == {"flap": NOW + 1}


def test_an_end_that_has_settled_begins_a_new_count() -> None:
    reason, made = ended(OVER, settled=True, flapping=True, changes=(NOW - 2, NOW - 1))
    assert (reason, made.incident.flapping, made.incident.changes) == ("resolved", False, ())


@pytest.mark.parametrize(
    ("alerts", "parts", "flapping", "counts"),
    [
        ((OVER,), {}, True, True),
        ((OVER,), {}, False, False),
        ((alert(),), {}, True, False),
        ((OVER,), {"x": Part("t", "P1", 1)}, True, False),
    ],
)
def test_what_fires_while_the_end_is_held_is_a_change(
    alerts: tuple[Alert, ...], parts: dict[str, Part], *, flapping: bool, counts: bool
) -> None:
    made = draft(*alerts, parts=parts, flapping=flapping)
    episode.fires_on(made, FULL)
    assert bool(made.incident.changes) is counts
    assert ("flap" in made.incident.timers) is counts


@pytest.mark.parametrize(
    ("alerts", "more", "reason"),
    [
        ((OVER,), {}, "resolved"),
        ((alert(),), {}, "updated"),
        ((OVER,), {"by_hand": True}, "updated"),
        ((OVER,), {"parts": {"x": Part("t", "P1", 1)}}, "updated"),
        ((OVER,), {"parts": {"x": Part("t", "P1", 0)}}, "resolved"),
    ],
)
def test_when_it_is_quiet_what_was_held_is_believed(
    alerts: tuple[Alert, ...], more: dict[str, Any], reason: str
) -> None:
    made = draft(*alerts, flapping=True, changes=(NOW - 1,), **more)
    assert episode.calm_down(made, FULL) == reason
    assert not made.incident.flapping
    calm = ("calmed", "No longer flapping: nothing changed for 10m")
    assert (calm in said(made)) is (reason == "updated")


def test_a_lower_priority_that_was_held_is_believed_too() -> None:
    made = draft(alert(priority="P3", priority_reason="is P3"), flapping=True)
    episode.calm_down(made, FULL)
    assert (made.incident.priority, made.incident.fell_at) == ("P3", NOW)


# What runs beside it.


@pytest.mark.parametrize(
    ("kind", "after", "due"),
    [
        ("alert", 60 * MINUTE, NOW + 60 * MINUTE),
        ("heartbeat", 60 * MINUTE, NOW + 60 * MINUTE),
        ("manual", 60 * MINUTE, None),
        ("alert", 0, None),
    ],
)
def test_whether_anybody_still_reports_it(kind: str, after: int, due: int | None) -> None:
    made = draft(kind=kind)
    episode.watch_for_news(made, rules(stale_after=after))
    assert made.incident.timers.get("stale") == due


@pytest.mark.parametrize(("retention", "timers"), [(0, {}), (5, {"forget": NOW + 5})])
def test_what_is_closed_is_forgotten_where_that_is_wanted(
    retention: int, timers: dict[str, int]
) -> None:
    made = draft()
    episode.retire(made, rules(retention=retention))
    assert made.incident.timers == timers


def test_silence_is_of_what_fires_and_keeps_what_was_silenced() -> None:
    made = draft(alert("b", starts_at=7), OVER, suppressed={"z": 1})
    made.set(alerts={**made.incident.alerts, "c": alert("c", resolved=True)})
    episode.silence(made)
    assert made.incident.suppressed == {"b": 7, "z": 1}
    assert made.incident.firing() == []
    episode.silence(made)
    assert made.incident.suppressed == {"b": 7, "z": 1}


@pytest.mark.parametrize(("now", "seconds"), [(NOW + 1_500, 1.5), (NOW, 0.0), (NOW - MINUTE, 0.0)])
def test_durations_are_never_negative(now: int, seconds: float) -> None:
    made = draft(now=now, severity="made up")
    episode.observe_duration(made, rules(team="db"), "x_seconds", "human")
    assert observed(made) == [
        (
            "x_seconds",
            seconds,
            {
                "severity": "other",
                "type": "alert",
                "priority": "P1",
                "team": "db",
                "by": "human",
            },
        )
    ]
