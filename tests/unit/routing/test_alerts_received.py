"""What a snapshot of alerts does to an incident: its edges."""

from typing import Any

import pytest

from routing.alert import Alert, is_summarized
from routing.alerts_received import decide_alerts, follow_alerts
from routing.alerts_told import RESOLVED_KEPT
from routing.always_firing import REASON
from routing.decision import Decision
from routing.event import AlertsReceived
from routing.incident import COMPLETE_KEPT, Incident
from routing.incident_parts import Actor, Damage, Part, Suspect
from routing.rules import Rules
from tests.support.builders import GROUP, KEY, MINUTE, NOW, alert, received, rules
from tests.support.drafts import draft, incident, said

RULES = rules()
ANN = Actor("ann", "api")
LATER = NOW + MINUTE


def over(fingerprint: str = "a", end: int = NOW, **more: Any) -> Alert:
    return alert(fingerprint, resolved=True, ends_at=end, **more)


def decided(
    base: Incident | None, *alerts: Alert, now: int = LATER, found: Rules = RULES
) -> Decision:
    return decide_alerts(base, received(*alerts), now, found)


def after(base: Incident | None, *alerts: Alert, now: int = LATER) -> Incident:
    made = decided(base, *alerts, now=now).incident
    assert made is not None
    return made


def texts(made: Decision) -> list[tuple[str, str]]:
    return [(str(entry.kind), entry.text) for entry in made.timeline]


def closed(*alerts: Alert, **more: Any) -> Incident:
    return incident(*alerts, **{"state": "resolved", "resolved_at": NOW, **more})


# Opening.


def test_an_incident_is_of_who_sent_it() -> None:
    event = AlertsReceived(KEY, GROUP, (alert(),), "grafana", "http://am", "c-1", "manual", ANN)
    made = decide_alerts(None, event, NOW, rules(team="db")).incident
    assert made is not None
    assert (made.id, made.generation, made.group, made.team) == (f"{KEY}-1", 1, GROUP, "db")
    assert (made.source, made.alertmanager_url, made.correlation_id) == (
        "grafana",
        "http://am",
        "c-1",
    )
    assert (made.kind, made.opened_by, made.seen_at) == ("manual", ANN, NOW)


@pytest.mark.parametrize(
    ("base", "alerts"),
    [
        (None, ()),
        (None, (alert(resolved=True, priority_reason=REASON),)),
        (incident(alert()), ()),
        (incident(alert()), (alert("b", resolved=True, priority_reason=REASON),)),
        (closed(over()), (over(),)),
    ],
)
def test_what_says_nothing_new_is_a_repeat(
    base: Incident | None, alerts: tuple[Alert, ...]
) -> None:
    made = decided(base, *alerts)
    assert (made.reason, made.changed, made.incident, made.schedule) == ("repeat", False, base, ())


def test_what_always_fires_ends_in_an_incident_that_has_it() -> None:
    base = incident(alert("a"), alert("b"))
    made = decided(base, over("b", priority_reason=REASON))
    assert made.incident is not None
    assert [one.fingerprint for one in made.incident.firing()] == ["a"]


def test_of_a_damaged_record_only_what_fires_begins_anew() -> None:
    damaged = incident(state="damaged", damage=Damage("x", NOW), generation=9, alerts={})
    ended = decided(damaged, over())
    assert (ended.reason, ended.incident, ended.base) == ("orphan_resolve", damaged, damaged)
    opened = decided(damaged, over("b"), alert())
    assert opened.incident is not None
    assert (opened.reason, opened.incident.generation) == ("opened", 10)


# A snapshot of what is known.


@pytest.mark.parametrize(
    ("state", "flapping", "kind"),
    [
        ("triggered", False, "alerts_changed"),
        ("acknowledged", False, "joined"),
        ("snoozed", False, "joined"),
        # New in a group that comes and goes is news; what was there before is not.
        ("acknowledged", True, "joined"),
    ],
)
def test_who_has_it_hears_of_what_joins(state: str, kind: str, *, flapping: bool) -> None:
    base = incident(alert(), state=state, flapping=flapping)
    made = decided(base, alert(), alert("b"))
    assert texts(made) == [(kind, "1 more firing: HighErrorRate")]
    assert made.incident is not None
    assert made.incident.grown == 1


def test_what_comes_again_while_it_flaps_is_no_news() -> None:
    base = incident(alert(), over("b"), state="acknowledged", flapping=True)
    made = decided(base, alert("b", starts_at=NOW + 1))
    assert texts(made) == [("alerts_changed", "1 more firing: HighErrorRate")]


@pytest.mark.parametrize(
    ("joined", "left", "text"),
    [
        (1, 0, "1 more firing: A0"),
        (3, 0, "3 more firing: A0, A1, A2"),
        (4, 0, "4 more firing: A0, A1, A2, ..."),
        (500, 2, "500 more firing: A0, A1, A2, ...; 2 resolved"),
        (0, 1, "1 resolved"),
    ],
)
def test_what_joins_and_leaves_is_one_line(joined: int, left: int, text: str) -> None:
    base = incident(*(alert(str(n)) for n in range(3)))
    fresh = [
        alert(f"new{n:03}", labels={"alertname": f"A{n}"}, starts_at=NOW - MINUTE + n)
        for n in range(joined)
    ]
    made = decided(base, *fresh, *(over(str(n)) for n in range(left)))
    assert texts(made) == [("alerts_changed", text)]
    assert made.incident is not None
    assert made.incident.grown == joined


def test_what_was_said_of_alerts_is_taken_back_when_they_are_reported() -> None:
    base = incident(
        alert(), alert("b"), stale_at=NOW, vanished={"a": "silenced by s1", "b": "muted"}
    )
    made = decided(base, alert())
    assert made.incident is not None
    assert (made.incident.stale_at, made.incident.vanished) == (0, {"b": "muted"})
    assert texts(made) == [("reported_again", "Reported again")]
    again = decided(made.incident, alert())
    assert (again.reason, again.changed) == ("repeat", False)


def test_a_person_who_reopened_it_lets_it_go_once_something_fires() -> None:
    base = incident(alert(), by_hand=True)
    assert not after(base, alert(), alert("b")).by_hand
    assert after(base, over()).state == "triggered"


# After the end.


@pytest.mark.parametrize(
    ("late", "generation"), [(0, 1), (RULES.reopen_within, 1), (RULES.reopen_within + 1, 2)]
)
def test_what_fires_long_after_the_end_is_another_incident(late: int, generation: int) -> None:
    made = after(closed(over()), alert(starts_at=NOW + 1), now=NOW + late)
    assert (made.generation, made.state) == (generation, "triggered")
    assert made.episode == (1 if generation == 1 else 0)
    assert made.id == f"{KEY}-{generation}"


@pytest.mark.parametrize(
    "more",
    [
        {"suspected": {"z": Suspect(alert("z"), NOW)}},
        {"merged_into": "0-bbbbbbbbbbbbbbbb-1", "merged_firing": 1},
    ],
)
def test_what_is_not_done_with_gets_no_next_generation(more: dict[str, Any]) -> None:
    late = NOW + RULES.reopen_within + 1
    made = after(closed(over(), **more), alert(starts_at=NOW + 1), now=late)
    assert made.generation == 1


def test_the_next_generation_takes_over_what_still_counts() -> None:
    base = closed(
        over("told"),
        over("behind", end=NOW - 5),
        alert("quiet"),
        suppressed={"quiet": NOW - MINUTE},
        former={"older": over("older", end=NOW - 500)},
        changes=(NOW + MINUTE,),
        timers={"forget": NOW},
        notes=3,
    )
    made = decided(
        base,
        alert("new"),
        over("told"),
        now=NOW + RULES.reopen_within + 1,
        found=rules(flap_changes=5),
    )
    fresh = made.incident
    assert fresh is not None
    assert (fresh.generation, fresh.notes, fresh.version) == (2, 0, 1)
    assert fresh.alerts.keys() == {"told", "quiet", "new"}
    assert [one.fingerprint for one in fresh.firing()] == ["new"]
    assert fresh.former.keys() == {"older", "behind", "told"}
    assert all(is_summarized(one) for key, one in fresh.former.items() if key != "older")
    assert fresh.changes[0] == NOW + MINUTE
    assert "forget" not in fresh.timers
    assert made.base == base


def test_what_ended_long_ago_is_remembered_up_to_a_bound() -> None:
    former = {str(n): over(str(n), end=NOW - n) for n in range(RESOLVED_KEPT)}
    base = closed(over("last", end=NOW + 1), former=former)
    made = after(base, alert("new"), now=NOW + RULES.reopen_within + 1)
    assert len(made.former) == RESOLVED_KEPT
    assert "last" in made.former
    # The oldest gave way.
    assert {"0", str(RESOLVED_KEPT - 2)} <= made.former.keys()
    assert str(RESOLVED_KEPT - 1) not in made.former


# Bounds.


def test_of_what_is_over_the_newest_are_kept_and_all_that_fires() -> None:
    base = incident(*(over(f"{n:04}", end=NOW - n) for n in range(RESOLVED_KEPT)), alert("fires"))
    assert len(base.alerts) == RESOLVED_KEPT + 1
    made = after(base, alert("joins"))
    assert len(made.alerts) == RESOLVED_KEPT + 2
    made = after(made, over("joins"))
    assert len(made.alerts) == RESOLVED_KEPT + 1
    assert {"fires", "joins", "0000"} <= made.alerts.keys()
    assert f"{RESOLVED_KEPT - 1:04}" not in made.alerts


@pytest.mark.parametrize(
    ("number", "whole", "told"),
    [
        (COMPLETE_KEPT, COMPLETE_KEPT, []),
        (COMPLETE_KEPT + 1, COMPLETE_KEPT, ["summarized", "alerts_changed"]),
    ],
)
def test_beyond_so_many_alerts_the_less_urgent_lose_their_labels(
    number: int, whole: int, told: list[str]
) -> None:
    first = [alert(f"{n:04}", priority="P2") for n in range(number - 1)]
    made = decided(incident(*first, priority="P2"), alert("least", priority="P4"))
    assert made.incident is not None
    kinds = [kind for kind, _ in texts(made)]
    assert kinds == (told or ["alerts_changed"])
    assert len(made.incident.alerts) == number
    assert sum(bool(one.labels) for one in made.incident.alerts.values()) == whole
    assert bool(made.incident.alerts["least"].labels) is not bool(told)


# What a person silenced.


@pytest.mark.parametrize(
    ("told", "state", "kept"),
    [
        # The start moves a little: another replica's half of the same firing.
        (alert(starts_at=NOW - MINUTE + 1), "resolved", {"a": NOW - MINUTE + 1}),
        (alert(starts_at=NOW - 1), "resolved", {"a": NOW - 1}),
        # It began after a person resolved it.
        (alert(starts_at=NOW), "triggered", {}),
        (over(end=NOW + 1), "resolved", {}),
    ],
)
def test_what_a_person_silenced_speaks_when_it_is_another_firing(
    told: Alert, state: str, kept: dict[str, int]
) -> None:
    base = closed(alert(), suppressed={"a": NOW - MINUTE})
    made = after(base, told)
    assert (made.state, made.suppressed) == (state, kept)


def test_following_without_a_change_is_an_update() -> None:
    made = draft(alert(), asked="P1", severity="critical")
    assert follow_alerts(made, RULES) == "updated"
    assert said(made) == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"state": "tombstone"}, "orphan_resolve"),
        ({"state": "triggered"}, "resolved"),
        ({"state": "acknowledged", "parts": {"x": Part("t", "P1", 1)}}, "updated"),
        ({"state": "resolved"}, "updated"),
        ({"state": "resolved", "suspected": {"a": Suspect(alert(), NOW)}}, "echo_suspected"),
        ({"state": "resolved", "merged_into": "x"}, "merged"),
    ],
)
def test_what_follows_when_nothing_fires(more: dict[str, Any], reason: str) -> None:
    made = draft(over(), **more)
    assert follow_alerts(made, RULES) == reason


def test_a_tombstone_that_fired_is_covered_and_one_that_fires_opens() -> None:
    quiet = draft(over(), state="tombstone")
    assert follow_alerts(quiet, RULES, fired=True) == "covered"
    fires = draft(over(), alert("b"), state="tombstone")
    assert follow_alerts(fires, RULES) == "opened"
