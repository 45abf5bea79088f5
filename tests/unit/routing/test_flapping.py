"""What changes too often: it is held open and at its most urgent priority, and pages nobody."""

import pytest

from routing.alert import Alert
from routing.decide import decide
from routing.decision import Decision
from routing.event import AlertsReceived, Event, MergeNews, TimerDue
from routing.flapping import count_change, wait_for_quiet
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, PriorityChanged, Resolved, Snoozed
from routing.rules import Rules
from tests.support.builders import MINUTE, NOW, alert, play, received, rules
from tests.support.drafts import draft, observed, said

ANN = Actor("ann", "slack", "U1")
FLAPS = rules(flap_changes=5, flap_hold=10 * MINUTE)
CALM = alert("warning", priority="P3", priority_reason="severity warning")


def critical(turn: int, *, resolved: bool = False, **more: object) -> Alert:
    """The copy of one turn: each time it fires it began anew."""
    start = NOW + turn * MINUTE
    return alert("critical", starts_at=start, resolved=resolved, ends_at=start + resolved, **more)


def beside(*alerts: Alert) -> AlertsReceived:
    return received(CALM, *alerts)


def swings(turns: int, since: int = 0, *, taken: bool = True) -> list[tuple[int, Event]]:
    """A critical beside a warning that stays: it comes, is acknowledged, and goes."""
    moves: list[tuple[int, Event]] = []
    for turn in range(since, since + turns):
        moves.append((turn * 2, beside(critical(turn))))
        moves += [(turn * 2, Acknowledged(ANN))] if taken else []
        moves.append((turn * 2 + 1, beside(critical(turn, resolved=True))))
    return moves


def kinds(decisions: list[Decision]) -> list[str]:
    return [entry.kind for decision in decisions for entry in decision.timeline]


def at(incident: Incident, minute: int, event: Event, found: Rules = FLAPS) -> Incident:
    after = decide(incident, event, NOW + minute * MINUTE, found).incident
    assert after is not None
    return after


def test_a_critical_that_comes_and_goes_beside_a_warning_is_held_after_five_changes() -> None:
    held, decisions = play(*swings(8), found=FLAPS)
    assert (held.state, held.priority, held.flapping, held.asked) == (
        "acknowledged",
        "P1",
        True,
        "P3",
    )
    assert kinds(decisions).count("flapping") == 1
    assert kinds(decisions).count("paged") == 3
    # Of eight answers the one that came when it was held stands.
    assert kinds(decisions).count("acknowledged") == 3
    assert held.priority_reason == "held while flapping: severity critical"
    assert held.timers["flap"] == NOW + 25 * MINUTE


def test_what_is_held_ends_some_time_after_the_last_change() -> None:
    held, _ = play(*swings(8), found=FLAPS)
    calm = decide(held, TimerDue("flap"), held.timers["flap"], FLAPS)
    assert [entry.kind for entry in calm.timeline] == ["calmed", "priority_lowered"]
    after = calm.incident
    assert after is not None
    assert (after.state, after.priority, after.flapping) == ("acknowledged", "P3", False)
    assert "flap" not in after.timers
    # The changes before are remembered: one more, and it is held again.
    again, decisions = play(*swings(8), (25, TimerDue("flap")), *swings(2, since=13), found=FLAPS)
    assert again.flapping
    assert kinds(decisions).count("paged") == 4


def test_a_held_incident_ends_when_nothing_fires_for_a_while() -> None:
    moves = [*swings(4), (8, received(alert("warning", priority="P3", resolved=True)))]
    held, _ = play(*moves, found=FLAPS)
    assert (held.state, held.firing()) == ("acknowledged", [])
    over = at(held, 18, TimerDue("flap"))
    assert (over.state, over.flapping, over.asked) == ("resolved", False, "P3")


def test_more_urgent_than_what_is_held_pages() -> None:
    minor = [
        (minute, received(CALM, *(alert("b", priority="P2", **more) for more in copies)))  # type: ignore[arg-type]
        for minute, copies in enumerate(
            ({"starts_at": NOW + 2 * turn, "resolved": over, "ends_at": NOW + 2 * turn + over},)
            for turn in range(4)
            for over in (False, True)
        )
    ]
    held, _ = play(*minor, (8, Acknowledged(ANN)), found=FLAPS)
    assert (held.priority, held.flapping) == ("P2", True)
    worse = at(held, 9, beside(critical(9)))
    assert (worse.state, worse.priority, worse.flapping) == ("triggered", "P1", True)
    assert worse.pages["slack"].seq == held.pages["slack"].seq + 1


def test_one_alert_whose_severity_label_changes_flaps_like_two() -> None:
    moves: list[tuple[int, Event]] = []
    for turn in range(6):
        # Alertmanager tells of both in one notification: the labels make two of them.
        start = NOW + turn * MINUTE
        low = alert("low", priority="P3", starts_at=start, resolved=turn % 2 == 0)
        high = alert("high", starts_at=start, resolved=turn % 2 == 1)
        moves += [(turn, received(low, high)), (turn, Acknowledged(ANN))]
    held, decisions = play(*moves, found=FLAPS)
    assert (held.priority, held.flapping) == ("P1", True)
    assert kinds(decisions).count("paged") == 3


def test_a_rule_on_the_size_of_the_group_that_wobbles() -> None:
    def sized(_alert: Alert, size: int) -> tuple[str, str]:
        return ("P1" if size > 1 else "P3"), "rule on the size"

    found = rules(flap_changes=5, classify_group=sized)
    moves = [
        (turn, beside(critical(turn // 2, resolved=turn % 2 == 1, priority="P3")))
        for turn in range(10)
    ]
    held, decisions = play(*moves, found=found)
    assert (held.priority, held.flapping) == ("P1", True)
    assert kinds(decisions).count("paged") == 3


def test_a_merged_incident_that_wobbles_is_held_too() -> None:
    part = [
        (turn, MergeNews("0-cccccccccccccccc-1", "other", "P1" if turn % 2 else "P4", 1))
        for turn in range(8)
    ]
    held, decisions = play((0, received(CALM)), *part, found=FLAPS)
    assert (held.priority, held.flapping) == ("P1", True)
    assert kinds(decisions).count("paged") == 4


def test_a_recovery_in_steps_does_not_flap() -> None:
    levels = [alert(name, priority=name) for name in ("P1", "P2", "P3", "P4")]
    over = [alert(name, priority=name, resolved=True) for name in ("P1", "P2", "P3", "P4")]
    moves = [(turn, received(*over[:turn], *levels[turn:])) for turn in range(5)]
    ended, decisions = play(*moves, found=FLAPS)
    assert ended.state == "resolved"
    assert "flapping" not in kinds(decisions)


def test_what_a_person_says_holds_against_flapping_and_does_not_flap() -> None:
    held, _ = play(*swings(6), found=FLAPS)
    lowered = at(held, 12, PriorityChanged(ANN, "P3"))
    assert lowered.priority == "P3"
    # The critical one was known to come and go when the person said so.
    assert at(lowered, 13, beside(critical(7))).priority == "P3"
    said = [(turn, PriorityChanged(ANN, "P1" if turn % 2 else "P3")) for turn in range(1, 9)]
    assert not play((0, received(CALM)), *said, found=FLAPS)[0].flapping
    over = at(held, 12, Resolved(ANN))
    assert (over.state, over.flapping, "flap" in over.timers) == ("resolved", False, False)


def test_a_snooze_of_what_flaps_is_broken_by_nothing_that_was_known() -> None:
    held, _ = play(*swings(5), found=FLAPS)
    asleep = at(held, 10, Snoozed(ANN, until=NOW + 60 * MINUTE))
    for turn in range(6, 10):
        asleep = at(asleep, turn * 2, beside(critical(turn)))
        asleep = at(asleep, turn * 2 + 1, beside(critical(turn, resolved=True)))
    assert (asleep.state, asleep.priority) == ("snoozed", "P1")
    calm = at(asleep, 29, TimerDue("flap"))
    assert (calm.state, calm.priority, calm.flapping) == ("snoozed", "P3", False)


def test_what_flaps_does_so_although_nothing_is_ever_reopened() -> None:
    found = rules(flap_changes=5, flap_hold=10 * MINUTE, reopen_within=0)
    moves = [(turn, received(critical(turn // 2, resolved=turn % 2 == 1))) for turn in range(10)]
    held, _ = play(*moves, found=found)
    assert (held.state, held.flapping, held.generation) == ("triggered", True, 3)


def test_what_comes_and_goes_before_its_known_end_flaps_too() -> None:
    """Whoever tells is behind: each firing copy has a new start, and one before the end known."""
    moves: list[tuple[int, Event]] = []
    for turn in range(8):
        start, came = NOW - (40 - turn) * MINUTE, NOW + turn * MINUTE
        moves.append((turn, beside(alert("critical", starts_at=start))))
        moves.append((turn, Acknowledged(ANN)))
        gone = alert("critical", starts_at=start, resolved=True, ends_at=came)
        moves.append((turn, beside(gone)))
    held, decisions = play(*moves, found=rules(flap_changes=5, echo_window=5 * MINUTE))
    assert (held.state, held.priority, held.flapping) == ("acknowledged", "P1", True)
    assert kinds(decisions).count("paged") <= 3
    assert kinds(decisions).count("flapping") == 1


def test_late_copies_of_one_start_are_no_flapping() -> None:
    once = alert("critical", starts_at=NOW - 40 * MINUTE)
    over = alert("critical", starts_at=NOW - 40 * MINUTE, resolved=True, ends_at=NOW)
    moves: list[tuple[int, Event]] = [(0, beside(once))]
    for _ in range(8):
        moves += [(0, beside(over)), (0, beside(once))]
    quiet, decisions = play(*moves, (0, beside(over)), found=FLAPS)
    assert (quiet.flapping, quiet.priority) == (False, "P3")
    assert kinds(decisions).count("paged") <= 2


# One call at a time.

WINDOW = FLAPS.flap_window


@pytest.mark.parametrize(
    ("known", "fell_at", "changes", "flaps"),
    [
        ((), 0, 1, False),
        ((NOW - 3, NOW - 2, NOW - 1), 0, 4, False),
        ((NOW - 4, NOW - 3, NOW - 2, NOW - 1), 0, 5, True),
        # A fall that is taken back is one more.
        ((NOW - 3, NOW - 2, NOW - 1), NOW - 4, 5, True),
        ((NOW - 3, NOW - 2, NOW - 1), NOW - WINDOW, 4, False),
        # What is older than the window does not count, to the millisecond.
        ((NOW - WINDOW, NOW - 3, NOW - 2, NOW - 1), 0, 4, False),
        ((NOW - WINDOW + 1, NOW - 3, NOW - 2, NOW - 1), 0, 5, True),
        # Of more the newest are kept.
        (tuple(range(NOW - 9, NOW)), 0, 5, True),
        # A clock that was set back forgets none.
        ((NOW + 4, NOW + 3, NOW + 2, NOW + 1), 0, 5, True),
    ],
)
def test_so_many_changes_within_the_window(
    known: tuple[int, ...], fell_at: int, changes: int, *, flaps: bool
) -> None:
    made = draft(changes=known)
    count_change(made, FLAPS, fell_at)
    assert len(made.incident.changes) == changes
    assert made.incident.changes == tuple(sorted(made.incident.changes))
    assert made.incident.flapping is flaps
    assert made.incident.timers == ({"flap": NOW + 10 * MINUTE} if flaps else {})
    assert len(observed(made)) == len(said(made)) == flaps


def test_that_it_flaps_is_said_once_and_each_change_puts_its_end_off() -> None:
    made = draft(changes=tuple(range(NOW - 4, NOW)))
    count_change(made, FLAPS)
    ((kind, text),) = said(made)
    assert kind == "flapping"
    assert text.startswith("Flapping (5 changes within 30m): it stays open and at P1")
    assert text.endswith("until nothing changes for 10m")
    made.now += MINUTE
    count_change(made, FLAPS)
    assert made.incident.timers == {"flap": NOW + 11 * MINUTE}
    assert len(said(made)) == 1


def test_where_it_is_off_nothing_is_remembered() -> None:
    made = draft(changes=(NOW - 1,) * 500)
    count_change(made, rules(flap_changes=0))
    assert made.fields == {}


@pytest.mark.parametrize(("flapping", "timers"), [(True, {"flap": NOW + 10 * MINUTE}), (False, {})])
def test_only_what_flaps_waits_for_quiet(timers: dict[str, int], *, flapping: bool) -> None:
    made = draft(flapping=flapping)
    wait_for_quiet(made, FLAPS)
    assert made.incident.timers == timers
