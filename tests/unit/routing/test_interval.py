"""When an alert fires and when it is over, however its start moves and whatever clocks say."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.store.records.record import decode_incident, encode_incident, version_text
from routing.alert import Alert, Past
from routing.decide import decide
from routing.decision import Decision
from routing.event import AlertsReceived, Event, Seen, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.interval import (
    ENDS_KEPT,
    STARTS_KEPT,
    begun_after,
    believe,
    covers,
    end_now,
    goes_on,
    join,
    knows_start,
    last_end,
    takes_back,
)
from routing.person_event import Resolved
from tests.support.builders import MINUTE, NOW, alert, received, rules

ANN = Actor("ann", "slack", "U1")
RULES = rules()
ASKS = rules(asks=True)
SECOND, HOUR = 1_000, 60 * MINUTE


def at(seconds: float) -> int:
    return NOW + int(seconds * SECOND)


def fires(since: float, **more: object) -> AlertsReceived:
    return received(alert(starts_at=at(since), **more))  # type: ignore[arg-type]


def over(since: float, end: float, **more: object) -> AlertsReceived:
    return received(alert(starts_at=at(since), ends_at=at(end), resolved=True, **more))  # type: ignore[arg-type]


def told(*moves: tuple[float, Event], found: object = RULES) -> tuple[Incident, list[Decision]]:
    """Decide events at seconds after NOW, and the timers that come due in between."""
    incident: Incident | None = None
    decisions: list[Decision] = []

    def step(event: Event, now: int) -> None:
        nonlocal incident
        decisions.append(decide(incident, event, now, found))  # type: ignore[arg-type]
        incident = decisions[-1].incident

    for moment, event in moves:
        while incident and (due := incident.timers.get("echo")) and due < at(moment):
            step(TimerDue("echo"), due)
        step(event, at(moment))
    assert incident is not None
    return incident, decisions


def pages(decisions: list[Decision]) -> int:
    """Return how often somebody was paged: an opening, a reopening or a rise."""
    kinds = [entry.kind for decision in decisions for entry in decision.timeline]
    return sum(kinds.count(kind) for kind in ("opened", "reopened", "priority_raised"))


def texts(decisions: list[Decision], kind: str) -> list[str]:
    return [
        entry.text for decision in decisions for entry in decision.timeline if entry.kind == kind
    ]


LATER = (600, TimerDue("nothing"))
"""Something later on: by then all windows are over."""


def test_a_resolved_copy_with_an_earlier_start_ends_what_began_before_its_end() -> None:
    # Alertmanager joined the halves of a pair of Prometheis to the earlier start.
    incident, decisions = told((0, fires(-15)), (1, over(-45, 1)), LATER)
    assert (incident.state, incident.firing(), pages(decisions)) == ("resolved", [], 1)


def test_a_firing_copy_from_a_clock_set_back_counts_after_the_echo_window() -> None:
    incident, decisions = told((0, fires(-30)), (1, over(-30, 1)), (2, fires(-90)), LATER)
    assert (incident.state, incident.episode, pages(decisions)) == ("triggered", 1, 2)
    assert decisions[3].reason == "reopened"
    assert decisions[3].incident is not None
    assert decisions[3].incident.episode_opened_at == at(62)


def test_an_end_in_the_future_does_not_cover_what_begins_after_it_came() -> None:
    ahead = HOUR / SECOND
    broken = ((0, fires(ahead)), (1, over(ahead, ahead + 1)))
    for since, within in ((2, 2), (0, 62)):  # told to the second, a start may seem earlier
        incident, decisions = told(*broken, (2, fires(since)), LATER)
        assert (incident.state, incident.episode, pages(decisions)) == ("triggered", 1, 2)
        assert incident.episode_opened_at == at(within)


def test_copies_from_a_clock_that_is_ahead_are_echoes_like_any() -> None:
    ahead = HOUR / SECOND
    first, end = fires(ahead), over(ahead, ahead + 1)
    incident, decisions = told((0, first), (1, end), (20, first), (25, end), (30, first), LATER)
    assert (incident.episode, incident.episode_opened_at) == (1, at(30) + RULES.peer_window)
    assert pages(decisions) == 2
    again, _ = told((0, first), (1, end), (20, fires(ahead + 20)), (25, end))
    assert (again.state, again.episode) == ("triggered", 1)


def test_texts_are_those_of_the_newest_notification_whatever_its_start() -> None:
    first = fires(-15, annotations={"summary": "disk 80 %"}, generator_url="http://p/1")
    newer = fires(-60, annotations={"summary": "disk 99 %"}, generator_url="http://p/2")
    incident, decisions = told((0, first), (1, newer))
    assert incident.title == "HighErrorRate: disk 99 %"
    assert incident.alerts["a"].generator_url == "http://p/2"
    assert (incident.alerts["a"].starts_at, pages(decisions)) == (at(-15), 1)


def test_a_lower_start_with_a_more_urgent_value_pages() -> None:
    incident, decisions = told((0, fires(-15, priority="P3")), (1, fires(-60, priority="P1")))
    assert (incident.priority, pages(decisions)) == ("P1", 2)


def test_one_stale_copy_after_the_end_waits_as_long_as_a_peer_may_take() -> None:
    first, end = fires(-900), over(-900, 1)
    calm, decisions = told((0, first), (1, end), (6, first), (80, TimerDue("nothing")))
    assert (calm.state, calm.episode, pages(decisions)) == ("resolved", 0, 1)
    (words,) = texts(decisions, "echo_suspected")
    assert "A late copy of another Alertmanager? It counts in 6m unless" in words
    taken_back, decisions = told((0, first), (1, end), (6, first), (306, end), LATER)
    assert (taken_back.state, taken_back.suspected, pages(decisions)) == ("resolved", {}, 1)
    assert texts(decisions, "echo_dropped") == ["Reported as resolved again: HighErrorRate"]
    only, decisions = told((0, first), (1, end), (6, first), LATER)
    assert (only.state, only.episode_opened_at, pages(decisions)) == ("triggered", at(366), 2)


def test_a_stale_copy_that_is_told_again_counts_at_once() -> None:
    first, end = fires(-900), over(-900, 1)
    soon, _ = told((0, first), (1, end), (6, first), (65, first))
    assert soon.state == "resolved"  # a copy sent twice says no more than one
    again, decisions = told((0, first), (1, end), (6, first), (66, first))
    assert (again.state, again.suspected, pages(decisions)) == ("triggered", {}, 2)
    assert "echo" not in again.timers
    ended, decisions = told((0, first), (1, end), (6, first), (66, first), (70, end), LATER)
    assert (ended.state, pages(decisions)) == ("resolved", 2)


def test_alertmanager_is_asked_at_once_where_there_is_one() -> None:
    stale = ((0, fires(-900)), (1, over(-900, 1)), (6, fires(-900)))
    suspected, decisions = told(*stale, found=ASKS)
    assert suspected.timers["echo"] == at(6)
    assert "Alertmanager is asked" in texts(decisions, "echo_suspected")[0]
    for state, outcome in (("gone", "resolved"), ("active", "triggered")):
        answer = TimerDue("echo", alerts={"a": Seen(state)})
        incident = decide(suspected, answer, at(6), ASKS).incident
        assert incident is not None
        assert (incident.state, incident.suspected) == (outcome, {})
    silent = decide(suspected, TimerDue("echo"), at(6), ASKS).incident
    assert silent is not None
    assert silent.timers["echo"] == at(6) + ASKS.peer_window


def test_an_answer_that_is_awaited_is_not_put_off_by_a_repeat() -> None:
    stale = ((0, fires(-900)), (1, over(-900, 1)), (6, fires(-900)), (6, fires(-900)))
    suspected, _ = told(*stale, found=ASKS)
    assert suspected.timers["echo"] == at(6)


def test_an_end_older_than_the_news_does_not_take_it_back() -> None:
    # The clock was set back: the copy of another peer tells of the end that is known.
    news = ((0, fires(-30)), (1, over(-30, 1)), (2, fires(-90)))
    incident, _ = told(*news, (30, over(-30, 1)), LATER)
    assert incident.state == "triggered"
    incident, _ = told(*news, (100, over(-30, 1)), LATER)
    assert incident.state == "triggered"
    ended, _ = told(*news, (100, over(-90, 99)), LATER)
    assert ended.state == "resolved"


def test_half_of_a_pair_that_fires_on_is_told_with_the_same_start() -> None:
    # One half resolved and Alertmanager with it; the other half is joined to the same start.
    moves = ((0, fires(-60)), (300, over(-60, 290)), (600, fires(-60)))
    incident, decisions = told(*moves, (1200, fires(-60)))
    assert (incident.state, incident.episode, pages(decisions)) == ("triggered", 1, 2)
    done, _ = told(*moves, (1200, over(-60, 1190)), (2400, TimerDue("nothing")))
    assert done.state == "resolved"
    late, _ = told(*moves, (1000, over(-60, 700)), (2400, TimerDue("nothing")))
    assert late.state == "resolved"  # over before it was believed, told after


def test_what_a_person_resolved_stays_quiet_when_only_its_start_moves() -> None:
    taken = ((0, fires(-60)), (120, Resolved(ANN)))
    for since in (-60, -300, -10, 90):  # lowered by joining, raised by another half
        quiet, decisions = told(*taken, (200, fires(since)), (300, fires(-60)), (400, fires(since)))
        assert (quiet.state, quiet.firing(), pages(decisions)) == ("resolved", [], 1)


@pytest.mark.parametrize("since", [121, 500])
def test_what_begins_after_a_person_resolved_it_pages(since: float) -> None:
    again, _ = told((0, fires(-60)), (120, Resolved(ANN)), (510, fires(since)))
    assert (again.state, again.episode) == ("triggered", 1)


def test_a_firing_long_after_what_a_person_saw_is_another_one() -> None:
    again, decisions = told((0, fires(-60)), (3600, Resolved(ANN)), (3700, fires(1800)))
    assert (again.state, pages(decisions)) == ("triggered", 2)


def test_an_end_undoes_what_a_person_resolved_in_any_order() -> None:
    taken, end, anew = ((0, fires(-60)), (300, Resolved(ANN))), over(-60, 100), fires(150)
    for moves in (((310, end), (320, anew)), ((310, anew), (320, end))):
        again, _ = told(*taken, *moves)
        assert (again.state, again.suppressed) == ("triggered", {})


def test_a_late_copy_of_what_ended_long_ago_waits_in_the_next_generation_too() -> None:
    first, end = fires(-60), over(-60, 60)
    other = received(alert("b", starts_at=at(3000)))
    moves = ((0, first), (61, end), (3000, other), (3001, first))
    waits, _ = told(*moves)
    assert waits.generation == 2
    assert [one.fingerprint for one in waits.firing()] == ["b"]
    assert waits.timers["echo"] == at(3001) + RULES.peer_window
    unseen, _ = told(*moves[:-1], (3001, fires(30)))
    assert unseen.timers["echo"] == at(3001) + RULES.echo_window
    news, _ = told(*moves, (3900, TimerDue("nothing")))
    assert sorted(one.fingerprint for one in news.firing()) == ["a", "b"]


def test_a_resolve_at_its_own_start_ends_what_fires() -> None:
    # Grafana sends the end as the start of what is resolved.
    ended, _ = told((0, fires(-120)), (1, over(1, 1)), LATER)
    assert (ended.state, ended.alerts["a"].starts_at) == ("resolved", at(-120))
    again, _ = told((0, fires(-120)), (1, over(1, 1)), (2, fires(2)))
    assert (again.state, again.episode) == ("triggered", 1)
    stale, _ = told((0, fires(-120)), (1, over(1, 1)), (2, fires(-120)), (20, over(1, 1)))
    assert stale.suspected == {}


def test_a_resolve_alone_opens_nothing_and_what_it_ends_pages_unless_taken_back() -> None:
    end, late = over(-300, 0), fires(-300)
    tombstone, decisions = told((0, end), LATER)
    assert (tombstone.state, pages(decisions)) == ("tombstone", 0)
    closed, decisions = told((0, end), (1, late), (300, end), LATER)
    assert (closed.state, pages(decisions)) == ("resolved", 0)
    # Nobody was ever paged for it, and this may be the only copy.
    only, decisions = told((0, end), (1, late), LATER)
    assert (only.state, only.episode, pages(decisions)) == ("triggered", 1, 1)


def test_starts_that_never_end_are_bounded_and_lose_no_urgency() -> None:
    known = None
    for number in range(50):
        urgent = "P1" if number == 3 else "P3"
        known = join(known, alert(starts_at=at(number), priority=urgent), at(number))
    assert known is not None
    assert isinstance(known.past, Past)
    assert len(known.past.starts) == STARTS_KEPT
    assert (known.starts_at, known.priority) == (at(49), "P1")
    for number in range(50):
        end = alert(starts_at=at(number), ends_at=at(100 + number), resolved=True)
        known = join(known, end, at(200))
    assert isinstance(known.past, Past)
    assert len(known.past.starts) == STARTS_KEPT
    assert (known.resolved, known.ends_at) == (True, at(149))


def test_a_plain_life_is_kept_without_a_past() -> None:
    incident, _ = told((0, fires(-60)), (60, fires(-60)), (120, over(-60, 110)))
    assert incident.alerts["a"].past is None


def test_records_of_the_schema_before_are_read() -> None:
    incident, _ = told((0, fires(-60)), (1, over(-60, 1)))
    body = msgspec.json.decode(msgspec.json.encode(incident))
    body["schema"] = 5
    body["suspects"] = {"a": msgspec.to_builtins(Alert("a", {"alertname": "A"}, starts_at=at(-60)))}
    body["suspected_at"] = {"a": at(6)}
    body["earlier"] = {"b": at(-500)}
    body["timers"] = {"echo": at(66)}
    raw = version_text(incident.version).encode() + msgspec.json.encode(body)
    read = decode_incident(raw)
    assert read.suspected["a"].since == at(6)
    assert decode_incident(encode_incident(read)) == read
    believed = decide(read, TimerDue("echo"), at(6) + RULES.peer_window, RULES).incident
    assert believed is not None
    assert believed.state == "triggered"
    late = decide(read, received(alert("b", starts_at=at(-500))), at(10), RULES).incident
    assert late is not None
    assert set(late.suspected) == {"a", "b"}


def unstarted(**more: object) -> AlertsReceived:
    """A copy of a sender that tells no start."""
    return received(alert(starts_at=0, **more))  # type: ignore[arg-type]


def test_a_copy_without_a_start_is_one_of_the_firing_that_is_known() -> None:
    moves = ((0, unstarted()), (60, Resolved(ANN)), (120, unstarted()), (180, unstarted()))
    quiet, decisions = told(*moves)
    assert (quiet.state, quiet.alerts["a"].starts_at, pages(decisions)) == ("resolved", NOW, 1)
    known, decisions = told((0, fires(-60)), (60, unstarted(annotations={"summary": "worse"})))
    assert (known.alerts["a"].starts_at, known.title) == (at(-60), "HighErrorRate: worse")
    assert pages(decisions) == 1


def test_what_ends_and_fires_again_without_any_time_is_new_at_once() -> None:
    end = unstarted(resolved=True, ends_at=0)
    over_now, _ = told((0, unstarted()), (60, end))
    assert (over_now.state, over_now.alerts["a"].ends_at) == ("resolved", 0)
    again, decisions = told((0, unstarted()), (60, end), (90, unstarted()))
    assert (again.state, again.alerts["a"].starts_at, pages(decisions)) == ("triggered", at(90), 2)
    same, _ = told((0, unstarted()), (60, end), (60, unstarted()))
    assert same.state == "triggered"
    undone, _ = told((0, unstarted()), (30, Resolved(ANN)), (60, end), (90, unstarted()))
    assert undone.state == "triggered"


def test_an_end_without_a_time_ends_what_fires_and_told_late_nothing_that_is_newer() -> None:
    end = received(alert(starts_at=at(-60), resolved=True, ends_at=0))
    done, _ = told((0, fires(-60)), (60, end))
    assert (done.state, done.alerts["a"].ends_at) == ("resolved", 0)
    lowered, _ = told((0, fires(-15)), (60, end))
    assert lowered.state == "resolved"
    late, _ = told((0, fires(-60)), (60, end), (90, fires(80)), (100, end))
    assert late.state == "triggered"


def test_a_resolve_without_times_alone_opens_nothing() -> None:
    tombstone, _ = told((0, unstarted(resolved=True, ends_at=0)))
    assert (tombstone.state, tombstone.alerts["a"].starts_at) == ("tombstone", 0)
    end = unstarted(resolved=True, ends_at=0)
    _, decisions = told((0, unstarted()), (60, end), (120, end))
    assert decisions[-1].reason == "repeat"


# Found by the model of what sends to us (tests/support/upstream.py), and made small.


def test_what_a_clock_told_ahead_ends_by_what_is_told_after_it_with_the_right_time() -> None:
    # Of a pair one Prometheus is ahead; what the other says is over ends what the first said.
    moves = ((0, fires(600)), (100, over(-60, 50)))
    ended, decisions = told(*moves, LATER)
    assert (ended.state, pages(decisions)) == ("resolved", 1)
    again, _ = told(*moves, (110, fires(600)), (171, fires(600)))
    assert again.state == "triggered"
    taken_back, _ = told(*moves, (110, fires(600)), (120, over(-60, 50)), LATER)
    assert taken_back.state == "resolved"
    believed, _ = told(*moves, (110, fires(600)), (171, fires(600)), (180, over(-60, 50)), LATER)
    assert believed.state == "resolved"


def test_of_two_clocks_that_are_ahead_what_is_told_last_counts() -> None:
    ended, _ = told((0, fires(600)), (10, fires(100)), (200, over(100, 190)), LATER)
    assert ended.state == "resolved"
    stale = ((0, fires(600)), (10, fires(100)), (200, over(100, 190)), (210, fires(600)))
    taken_back, _ = told(*stale, (220, over(100, 190)), LATER)
    assert taken_back.state == "resolved"


def test_an_end_that_is_forgotten_has_ended_what_it_ended() -> None:
    lives = [(150 * n, 150 * n + 90) for n in range(1, 6)]
    moves = [(0.0, fires(3600)), (10.0, over(-100, -20))]
    for start, end in lives:  # by a clock that is 90 s ahead
        moves += [(start - 90.0, fires(start)), (end + 20.0, over(start, end))]
    ended, _ = told(*moves, (2000, TimerDue("nothing")))
    assert (ended.state, ended.firing()) == ("resolved", [])


def test_a_late_copy_is_taken_back_by_the_other_half_too() -> None:
    # A peer that was started meanwhile knows another start, and an end that is no later.
    moves = ((0, fires(-60)), (300, over(-60, 290)), (310, fires(-60)))
    taken_back, _ = told(*moves, (340, over(100, 290)), (900, TimerDue("nothing")))
    assert taken_back.state == "resolved"


# One call at a time. Times in seconds after NOW; what is told is told at NOW.


def firing(since: float, **more: Any) -> Alert:
    return alert(starts_at=at(since), **more)


def ended(since: float, end: float, **more: Any) -> Alert:
    return alert(starts_at=at(since), ends_at=at(end), resolved=True, **more)


@pytest.mark.parametrize(("ahead", "plain"), [(0, True), (60, True), (60.001, False), (600, False)])
def test_clocks_may_differ_by_a_minute(ahead: float, *, plain: bool) -> None:
    known = join(None, firing(ahead), NOW)
    assert (known.past is None) is plain
    assert (known.starts_at, known.resolved) == (at(ahead), False)
    # What began when it was told is over by an end that is told later.
    over = join(known, ended(-600, 1), at(2))
    assert over.resolved is (not plain or ahead <= 1)


@pytest.mark.parametrize(("since", "ahead"), [(60, False), (60.001, True)])
def test_of_what_is_known_too_they_may_differ_by_a_minute(since: float, *, ahead: bool) -> None:
    known = join(firing(-60), firing(since), NOW)
    assert known.past is not None
    newest = next(one for one in known.past.starts if one.at == at(since))
    assert (newest.ahead, newest.began) == (ahead, NOW if ahead else at(since))


@pytest.mark.parametrize(
    ("copy", "starts", "ends"),
    [
        (firing(-60), at(-60), 0),
        (ended(-60, -1), at(-60), at(-1)),
        # Without a start it begins now, and without an end nobody knows since when it is over.
        (alert(starts_at=0), NOW, 0),
        (alert(starts_at=at(-60), ends_at=0, resolved=True), at(-60), 0),
        (alert(starts_at=0, ends_at=at(-1), resolved=True), 0, at(-1)),
        # An end before the start counts from the start on.
        (ended(-60, -90), 0, at(-60)),
        (ended(-60, -60), 0, at(-60)),
        # An end far ahead is of a clock that is wrong: it is kept as it was told.
        (ended(-60, 600), at(-60), at(600)),
    ],
)
def test_what_a_first_copy_says(copy: Alert, starts: int, ends: int) -> None:
    known = join(None, copy, NOW)
    assert (known.starts_at, known.ends_at, known.resolved) == (starts, ends, copy.resolved)
    assert join(known, copy, at(1)).ends_at == ends


def test_a_repeat_is_the_same_value_and_keeps_the_most_urgent_priority() -> None:
    urgent = firing(-60, priority="P1", priority_reason="disk 99 %")
    minor = firing(-60, priority="P3", priority_reason="disk 80 %", annotations={"a": "b"})
    assert join(urgent, firing(-60, priority="P1", priority_reason="disk 99 %"), NOW) is urgent
    lowered = join(urgent, minor, NOW)
    assert (lowered.priority, lowered.priority_reason) == ("P1", "disk 99 %")
    assert lowered.annotations == {"a": "b"}
    raised = join(minor, urgent, NOW)
    assert (raised.priority, raised.priority_reason, raised.annotations) == ("P1", "disk 99 %", {})


@pytest.mark.parametrize("urgent", ["P1", "P3"])
def test_the_end_of_a_firing_whose_start_it_does_not_tell_is_no_classification(urgent: str) -> None:
    known = join(None, firing(-60, priority="P2", priority_reason="disk 90 %"), NOW)
    end = ended(-60, -60, priority=urgent, priority_reason="told with the end")
    for _ in range(3):
        known = join(known, end, NOW)
        assert (known.resolved, known.priority, known.priority_reason) == (True, "P2", "disk 90 %")


def test_urgency_does_not_fall_with_a_start_that_is_forgotten() -> None:
    ends = [ended(0, 9), ended(-13, -9), ended(-14, -9), ended(-7, -5), ended(-3, 6)]
    known = None
    for number, end in enumerate(ends):
        of = {"priority": "P1" if number == 2 else "P2", "priority_reason": f"copy {number}"}
        known = join(known, msgspec.structs.replace(end, **of), at(number))
    again = join(known, msgspec.structs.replace(ends[-1], **of), at(number))
    assert known is not None
    assert isinstance(known.past, Past)
    assert [one.at for one in known.past.starts] == [at(-13), at(-7), at(-3), at(0)]
    assert (known.priority, known.priority_reason) == ("P1", "copy 2")
    assert again == known


def test_what_began_last_is_what_is_kept() -> None:
    known = join(None, ended(3_600, 3_700), NOW)
    for number in range(STARTS_KEPT):
        known = join(known, ended(number * 20 + 1, number * 20 + 10), at(100))
    last = known.starts_at
    assert isinstance(known.past, Past)
    assert last == max(one.at for one in known.past.starts)
    assert join(known, ended(61, 70), at(100)) == known


@pytest.mark.parametrize("before", [(), (ended(4_000, 4_200),)])
def test_a_resolve_without_an_end_from_a_clock_that_is_ahead_is_no_firing(
    before: tuple[Alert, ...],
) -> None:
    known = None
    for copy in (*before, *[alert(starts_at=at(7_560), ends_at=0, resolved=True)] * 3):
        known = join(known, copy, NOW)
        assert known.resolved


def test_what_fires_again_is_as_urgent_as_this_firing_alone() -> None:
    known = join(join(None, firing(-60), NOW), ended(-60, -30), NOW)
    assert known.priority == "P1"
    again = join(known, firing(-10, priority="P4"), NOW)
    assert (again.resolved, again.priority, again.starts_at) == (False, "P4", at(-10))
    over = join(again, ended(-10, -1, priority="P4"), NOW)
    assert (over.resolved, over.priority) == (True, "P4")


@pytest.mark.parametrize("since", [-600.0, -60.0, -31.0, -30.0])
def test_what_is_believed_fires_whatever_its_start(since: float) -> None:
    known = join(None, ended(-60, -30), NOW)
    copy = firing(since)
    assert join(known, copy, NOW).resolved
    found = believe(known, copy, at(-5), NOW)
    assert (found.resolved, found.starts_at, found.ends_at) == (False, at(since), 0)
    # The end that was known, told again, is of it only where it spans it; a later one is.
    assert join(found, ended(-60, -30), NOW).resolved is (-60 <= since < -30)
    assert join(found, ended(-60, 10), at(10)).resolved


def test_what_is_believed_of_nothing_known_is_what_was_told() -> None:
    found = believe(None, firing(-60), at(-5), NOW)
    assert (found.resolved, found.starts_at) == (False, at(-60))


def test_what_began_later_stays_and_what_was_quiet_is_gone() -> None:
    known = join(join(None, firing(-60, priority="P1"), NOW), firing(-10, priority="P3"), NOW)
    assert (known.starts_at, known.priority) == (at(-10), "P1")
    later = begun_after(known, at(-60))
    assert (later.starts_at, later.priority, later.resolved) == (at(-10), "P3", False)
    assert not knows_start(later, at(-60))
    assert knows_start(known, at(-60))


@pytest.mark.parametrize(("known", "ends_at"), [(True, NOW), (False, 0)])
def test_what_ends_now_ends_since_when_is_known(ends_at: int, *, known: bool) -> None:
    several = join(join(None, firing(-60), NOW), firing(-10), NOW)
    for one in (firing(-60), several, alert(starts_at=0), join(None, firing(600), NOW)):
        over = end_now(join(None, one, NOW), at(700), known=known)
        assert over.resolved
        assert over.ends_at == (at(700) if ends_at else 0)
        assert last_end(over) >= at(700) or not known


@pytest.mark.parametrize(
    ("start", "over"), [(0, False), (at(-60), True), (at(-30), True), (at(-30) + 1, False)]
)
def test_what_began_up_to_a_known_end_is_covered(start: int, *, over: bool) -> None:
    assert covers(ended(-60, -30), start) is over
    again = join(ended(-60, -30), firing(-10), NOW)
    assert not covers(again, start)


def test_the_last_end_is_the_latest_that_counts() -> None:
    assert (last_end(None), last_end(firing(-60))) == (0, 0)
    known = join(ended(-60, -30), ended(-200, -100), NOW)
    assert last_end(known) == at(-30)
    assert last_end(join(known, ended(-20, -10), NOW)) == at(-10)
    # An end that a wrong clock told counts from when it came.
    assert last_end(join(known, ended(-20, 6_000), NOW)) == NOW


def test_which_starts_are_known() -> None:
    assert not knows_start(None, NOW)
    assert knows_start(firing(-60), at(-60))
    assert not knows_start(firing(-60), at(-59))
    assert knows_start(ended(-60, -30), at(-60))


@pytest.mark.parametrize(
    ("before", "after", "on"),
    [
        (None, firing(-60), True),
        (None, ended(-60, -30), False),
        (firing(-60), firing(-60), True),
        (firing(-60), ended(-60, -30), False),
        # Both fire: the start alone has moved.
        (firing(-60), join(firing(-60), firing(-30), NOW), True),
        # The one that fired is over, and another fires.
        (firing(-60), join(join(firing(-60), ended(-60, -40), NOW), firing(-30), NOW), False),
        (firing(-60), firing(-30), False),
    ],
)
def test_whether_it_is_still_the_same_firing(before: Alert, after: Alert, *, on: bool) -> None:
    assert goes_on(before, after) is on


@pytest.mark.parametrize(
    ("resolved", "start", "taken"),
    [
        (ended(-60, -30), -60, True),
        (ended(-60, -30), -40, True),
        (ended(-60, -30), -30, False),
        (ended(-60, -30), -61, False),
        # Without an end it is over now, whatever began before.
        (alert(starts_at=at(-60), ends_at=0, resolved=True), -1, True),
        (alert(starts_at=at(-60), ends_at=0, resolved=True), 1, False),
        # The end in the place of the start is no start.
        (ended(-30, -30), -40, True),
        (ended(-30, -30), -30, False),
    ],
)
def test_which_firing_a_resolved_copy_is_of(resolved: Alert, start: float, *, taken: bool) -> None:
    assert takes_back(firing(-600), resolved, at(start), NOW) is taken
    assert takes_back(None, resolved, at(start), NOW) is taken


def _counts(known: Alert) -> tuple[bool, int, str]:
    return known.resolved, known.ends_at, known.priority


COPIES = st.builds(
    lambda start, length, resolved: ended(start, start + length) if resolved else firing(start),
    st.integers(-500, 700),
    st.integers(0, 600),
    st.booleans(),
)


def _copy(start: int, length: int | None, priority: str) -> Alert:
    of = {"priority": priority, "priority_reason": f"it is {priority}"}
    return firing(start, **of) if length is None else ended(start, start + length, **of)


PRIORITIES = st.sampled_from(["P1", "P2", "P3"])


@given(
    st.lists(
        st.builds(_copy, st.integers(-9, 0), st.none() | st.integers(0, 9), PRIORITIES),
        min_size=1,
        max_size=9,
    )
)
@settings(max_examples=100)
def test_what_is_told_again_changes_nothing_unless_a_clock_is_ahead(copies: list[Alert]) -> None:
    known: Alert | None = None
    for number, copy in enumerate(copies):
        known = join(known, copy, at(number))
        assert join(known, copy, at(number)) == known


@given(st.lists(COPIES, min_size=1, max_size=30))
@settings(max_examples=50)
def test_whatever_is_told_little_is_kept_and_an_end_now_ends_it(copies: list[Alert]) -> None:
    known: Alert | None = None
    for number, copy in enumerate(copies):
        known = join(known, copy, at(number))
        assert known.resolved or known.ends_at == 0
        if known.past is not None:
            assert len(known.past.starts) <= 2 * STARTS_KEPT
            assert len(known.past.ends) <= ENDS_KEPT + 1
        again = join(known, copy, at(number))
        assert (again.resolved, again.ends_at, again.priority) == _counts(known)
        assert join(again, copy, at(number)) == again
    assert known is not None
    assert end_now(known, at(2_000)).resolved
