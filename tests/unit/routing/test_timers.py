"""What a due timer does, one timer at a time."""

from typing import Any

import pytest

from routing.alert import Alert
from routing.config.calendar import CalendarConfig
from routing.deadline import parse_within
from routing.decision import Draft
from routing.event import DeliveryFailed, Seen, TimerDue
from routing.incident_parts import (
    INFORMED,
    Actor,
    Deadline,
    Finding,
    Page,
    Publication,
    PublicUpdate,
    Suspect,
)
from routing.rules import Rules, Step
from routing.timers import delivery_failed, timer_due
from routing.vocabulary import CLOCKS, Timer
from tests.support.builders import MINUTE, NOW, alert, clock, rules, rules_of
from tests.support.drafts import draft, said

ANN = Actor("ann", "slack", "U1")
RULES = rules()
FULL = rules(
    resolve_within=parse_within("30m"),
    update_within=parse_within("20m"),
    remind_after=60 * MINUTE,
    remind=("slack",),
    summarize=True,
    stale_after=60 * MINUTE,
    retention=60 * MINUTE,
)
OVER = alert(starts_at=NOW - 10 * MINUTE, ends_at=NOW - 5 * MINUTE, resolved=True)


def fires(made: Draft, task: str, found: Rules = FULL, **known: Any) -> str:
    return timer_due(made, TimerDue(task, **known), found)


def due(task: str, *alerts: Alert, **more: Any) -> Draft:
    """An incident whose timer is due now, and no other."""
    return draft(*alerts, timers={task: NOW}, **more)


@pytest.mark.parametrize(
    ("timers", "reason"),
    [
        ({}, "timer_gone"),
        ({"delivery": NOW}, "timer_gone"),
        ({"escalate": NOW + 1}, "timer_early"),
        ({"escalate": NOW}, "escalated"),
        ({"escalate": NOW - 60 * MINUTE}, "escalated"),
    ],
)
def test_a_timer_counts_from_the_moment_it_is_due(timers: dict[str, int], reason: str) -> None:
    made = draft(timers=timers, step=0)
    assert fires(made, "escalate") == reason
    if reason == "timer_gone":
        assert (made.cancel, made.incident.timers) == ({"escalate"}, timers)
    elif reason == "timer_early":
        assert (made.schedule, made.incident.timers) == ({"escalate": NOW + 1}, timers)


def test_a_timer_of_a_newer_release_stays() -> None:
    made = due("of a newer release")
    assert fires(made, "of a newer release") == "timer_unknown"
    assert (made.fields, made.cancel, made.schedule) == ({}, set(), {})


@pytest.mark.parametrize("task", sorted(set(Timer) - {"merge", "heartbeat", "echo", "stale"}))
def test_no_timer_is_due_twice(task: str) -> None:
    deadlines = {name: Deadline(NOW) for name in CLOCKS}
    made = due(task, alert(), state="acknowledged", deadlines=deadlines, acknowledged_at=NOW)
    fires(made, task)
    assert made.incident.timers.get(task, NOW + 1) > NOW


# Response clocks.


def test_a_missed_status_update_says_what_outsiders_still_read_and_waits_for_the_next() -> None:
    update = PublicUpdate(NOW - 90 * MINUTE, "identified", "text")
    public = Publication("t", NOW - 100 * MINUTE, {"Shop": "degraded"}, (update,))
    made = due("update", deadlines={"update": Deadline(NOW)}, published=public)
    assert fires(made, "update") == "deadline_missed"
    assert said(made) == [
        ("deadline_missed", "No status update within 20m"),
        ("published", "Outsiders still read: identified, since 2026-03-02 08:30 UTC"),
    ]
    assert made.incident.timers == {"update": NOW + 20 * MINUTE}
    assert made.incident.pages == {}


def test_a_missed_resolve_deadline_asks_the_next_step() -> None:
    made = due("resolve", state="acknowledged", step=0, deadlines={"resolve": Deadline(NOW)})
    assert fires(made, "resolve") == "deadline_missed"
    page = made.incident.pages["slack"]
    assert (page.reason, page.insists, made.incident.step) == ("resolve_deadline", True, 1)


# Delivery.


def pages(**more: Page) -> dict[str, Page]:
    return {"slack": Page(1, 1, 0, "opened", at=NOW), **more}


TWO = pages(pagerduty=Page(1, 1, 0, "opened", at=NOW))


@pytest.mark.parametrize(
    ("known", "paged", "state", "reason", "step"),
    [
        (TWO, {"slack": 1, "pagerduty": 1}, "triggered", "delivered_in_time", 0),
        (TWO, {"slack": 1}, "triggered", "delivery_late", 1),
        (TWO, {}, "triggered", "delivery_late", 1),
        (TWO, {"slack": 0, "pagerduty": 1}, "triggered", "delivery_late", 1),
        ({}, {}, "triggered", "delivered_in_time", 0),
        # Nobody waits for a page once somebody has it.
        (TWO, {}, "acknowledged", "delivered_in_time", 0),
        (TWO, {}, "snoozed", "delivered_in_time", 0),
        # What rings nobody, and what is of another episode, is not waited for.
        ({"x": Page(1, 1, INFORMED, "opened", at=NOW)}, {}, "triggered", "delivered_in_time", 0),
        ({"x": Page(1, 1, 0, "opened", at=NOW - 1)}, {}, "triggered", "delivered_in_time", 0),
        # One of an earlier step is late, and has moved on for that.
        (
            pages(pagerduty=Page(1, 1, -1, "opened", at=NOW)),
            {"slack": 1},
            "triggered",
            "delivered_in_time",
            0,
        ),
        # What has failed moved on already.
        ({"x": Page(1, 1, 0, "opened", at=NOW, failed_seq=1)}, {}, "triggered", "delivery_late", 1),
    ],
)
def test_a_page_that_is_not_delivered_in_time_moves_on(
    known: dict[str, Page], paged: dict[str, int], state: str, reason: str, step: int
) -> None:
    made = due("delivery", alert(), pages=known, step=0, state=state)
    assert fires(made, "delivery", paged=paged) == reason
    assert made.incident.step == step


def test_each_late_notifier_is_named_and_one_step_is_asked() -> None:
    made = due("delivery", alert(), pages=TWO, step=0)
    fires(made, "delivery", errors={"slack": "500"})
    late = [text for kind, text in said(made) if kind == "delivery_late"]
    assert late == [
        "slack has not confirmed the page in time",
        "pagerduty has not confirmed the page in time",
    ]
    assert [kind for kind, _ in said(made)].count("escalated") == 1
    # The page has a minute, and that has not passed yet.
    assert made.incident.unreached is None


def test_when_all_are_too_late_nobody_was_reached() -> None:
    made = due("delivery", alert(), pages=TWO, step=0, now=NOW + MINUTE)
    fires(made, "delivery", errors={"slack": "500"})
    assert made.incident.unreached is not None
    assert made.incident.unreached.why == ("slack: 500; pagerduty: has not confirmed the page")


def failed(made: Draft, seq: int = 1, **more: Any) -> str:
    return delivery_failed(made, DeliveryFailed("slack", seq, "is_archived", **more), RULES)


def test_a_page_that_failed_for_ever_moves_on_once() -> None:
    made = draft(alert(), pages=pages(), step=0)
    assert failed(made, errors={"slack": "is_archived"}) == "delivery_failed"
    assert said(made)[0] == ("delivery_failed", "slack: is_archived")
    page = made.incident.pages["slack"]
    # The next step asks the same notifier again: it has to be told of that.
    assert (page.seq, made.incident.step, made.skip) == (2, 1, set())
    assert failed(made) == "delivery_failed"
    assert (made.incident.step, made.incident.pages["slack"].seq) == (1, 2)


@pytest.mark.parametrize(
    ("known", "seq"),
    [
        ({}, 1),
        (pages(), 0),
        (pages(), 2),
        ({"slack": Page(1, 1, 0, "opened", at=NOW, failed_seq=1)}, 1),
    ],
)
def test_an_update_that_failed_and_an_older_page_move_nothing(
    known: dict[str, Page], seq: int
) -> None:
    made = draft(alert(), pages=known, step=0)
    assert failed(made, seq) == "delivery_failed"
    assert (made.incident.step, made.incident.pages, made.skip) == (0, known, {"slack"})
    assert made.incident.unreached is None


# Reminders.

OFFICE = CalendarConfig(hours="12:00-13:00").build()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "reason"),
    [("acknowledged", "reminded"), ("triggered", "timer_gone"), ("snoozed", "timer_gone")],
)
def test_only_who_has_it_is_asked(state: str, reason: str) -> None:
    made = due("remind", alert(), state=state, acknowledged_by=ANN, step=0)
    assert fires(made, "remind") == reason
    assert bool(made.incident.pages) is (reason == "reminded")
    if reason == "reminded":
        assert made.incident.pages["slack"].mention == "@U1"
        assert made.incident.timers == {"remind": NOW + 60 * MINUTE}


def test_in_quiet_hours_nobody_is_reminded_before_they_end() -> None:
    quiet = clock(calendar=OFFICE, quiet=True, remind_after=MINUTE, remind=("slack",))
    made = due("remind", state="acknowledged", acknowledged_by=ANN)
    assert fires(made, "remind", rules_of(P1=quiet)) == "quiet_hours"
    assert (made.incident.timers, made.incident.pages) == ({"remind": NOW + 120 * MINUTE}, {})


# Retention.


@pytest.mark.parametrize(
    ("resolved", "seen", "more", "reason", "again"),
    [
        (60, 60, {}, "forgotten", None),
        (59, 0, {}, "kept", 1),
        (0, 60, {}, "kept", 60),
        (60, 60, {"suppressed": {"a": NOW}}, "forgotten", None),
        (60, 59, {"suppressed": {"a": NOW}}, "kept", 60),
        (60, 60, {"suspected": {"a": Suspect(alert(), NOW)}}, "kept", 60),
        (60, 60, {"merged_into": "x", "merged_firing": 2}, "kept", 60),
        (60, 60, {"merged_into": "x"}, "forgotten", None),
    ],
)
def test_what_is_closed_is_forgotten_when_nothing_needs_it(
    resolved: int, seen: int, more: dict[str, Any], reason: str, again: int | None
) -> None:
    made = due("forget", state="resolved", resolved_at=NOW - resolved * MINUTE, **more)
    assert fires(made, "forget", seen_at=NOW - seen * MINUTE) == reason
    assert made.forget is (reason == "forgotten")
    left = {} if again is None else {"forget": NOW + again * MINUTE}
    assert made.incident.timers == left


def test_to_the_millisecond_it_is_kept() -> None:
    made = due("forget", state="resolved", resolved_at=NOW - 60 * MINUTE + 1)
    assert fires(made, "forget") == "kept"
    assert made.incident.timers == {"forget": NOW + 1}


def test_what_is_open_by_mistake_is_kept() -> None:
    made = due("forget", alert())
    assert (fires(made, "forget"), made.forget) == ("kept", False)


def test_without_retention_nothing_is_forgotten() -> None:
    made = due("forget", state="resolved")
    assert fires(made, "forget", RULES) == "kept"
    assert (made.forget, made.incident.timers) == (False, {})


# What is found out.

FOUND = (Finding("deploys", "checkout 1.2"),)
WORDS = (Finding("summary", "a deploy broke it"),)


@pytest.mark.parametrize(("context", "reason"), [(FOUND, "enriched"), ((), "nothing_found")])
def test_what_was_found_out_is_kept_and_put_into_words(
    context: tuple[Finding, ...], reason: str
) -> None:
    made = due("enrich", context=(Finding("old", "x"),))
    assert fires(made, "enrich", context=context) == reason
    assert made.incident.context == context
    assert made.incident.timers == {"summarize": NOW}
    plain = due("enrich")
    fires(plain, "enrich", RULES, context=context)
    assert plain.incident.timers == {}


def test_the_words_stand_before_what_they_were_made_of_and_replace_older_ones() -> None:
    made = due("summarize", context=(Finding("summary", "older"), *FOUND))
    assert fires(made, "summarize", context=WORDS) == "enriched"
    assert made.incident.context == (*WORDS, *FOUND)
    none = due("summarize", context=FOUND)
    assert fires(none, "summarize") == "nothing_found"
    assert none.incident.context == FOUND


# Silence of the senders.


def stale(made: Draft, found: Rules = FULL, **known: Any) -> str:
    return fires(made, "stale", found, **known)


@pytest.mark.parametrize(
    ("told", "own", "reason", "again"),
    [
        (NOW - 59 * MINUTE, 0, "still_reported", 1),
        (0, NOW - 59 * MINUTE, "still_reported", 1),
        (NOW - 60 * MINUTE, NOW - 60 * MINUTE, "stale", 60),
        (0, 0, "stale", 60),
        # A clock that was set back: it is of the future.
        (NOW + 10 * MINUTE, 0, "still_reported", 70),
    ],
)
def test_it_is_stale_when_the_last_news_is_old(
    told: int, own: int, reason: str, again: int
) -> None:
    made = due("stale", alert(), seen_at=own)
    assert stale(made, seen_at=told) == reason
    assert made.incident.timers == {"stale": NOW + again * MINUTE}


def test_nobody_could_be_asked_is_said_once() -> None:
    made = due("stale", alert())
    assert stale(made) == "stale"
    assert said(made) == [("stale", "No news of it for 1h: gone, silenced or inhibited")]
    again = due("stale", alert(), stale_at=NOW - 60 * MINUTE)
    assert stale(again) == "stale"
    assert (said(again), again.incident.stale_at) == ([], NOW - 60 * MINUTE)


@pytest.mark.parametrize(
    ("answers", "vanished", "reason", "firing"),
    [
        ({"a": Seen("active"), "b": Seen("active")}, {}, "still_reported", ["a", "b"]),
        ({}, {}, "still_reported", ["a", "b"]),
        ({"a": Seen("silenced", ("s1", "s2", "s3", "s4"))}, {"a": "silenced by s1, s2, s3"},
         "stale", ["a", "b"]),
        ({"a": Seen("muted"), "b": Seen("muted")}, {"a": "muted", "b": "muted"}, "stale",
         ["a", "b"]),
        ({"a": Seen("gone")}, {"a": "gone"}, "updated", ["b"]),
        ({"a": Seen("gone"), "b": Seen("gone")}, {"a": "gone", "b": "gone"}, "resolved", []),
        ({"elsewhere": Seen("gone")}, {}, "still_reported", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_alertmanager_says_of_each_alert(
    answers: dict[str, Seen], vanished: dict[str, str], reason: str, firing: list[str]
) -> None:
    made = due("stale", alert("a"), alert("b"))
    assert stale(made, alerts=answers) == reason
    assert made.incident.vanished == vanished
    assert [one.fingerprint for one in made.incident.firing()] == firing
    assert made.incident.stale_at == (NOW if vanished else 0)


def test_of_five_hundred_that_vanished_five_are_named_in_one_line() -> None:
    many = [alert(str(n), labels={"alertname": f"A{n:03}"}) for n in range(500)]
    made = due("stale", *many)
    answers = {one.fingerprint: Seen("inhibited", ("x",)) for one in many}
    assert stale(made, alerts=answers) == "stale"
    assert said(made) == [
        ("vanished", "Alertmanager says inhibited by x: A000, A001, A002, A003, A004")
    ]
    known = made.incident.vanished
    again = due("stale", *many, vanished=known)
    stale(again, alerts=answers)
    assert said(again) == []


def test_what_is_gone_stays_where_nobody_wants_it_resolved() -> None:
    made = due("stale", alert())
    kept = rules(stale_after=60 * MINUTE, resolve_gone=False)
    assert stale(made, kept, alerts={"a": Seen("gone")}) == "stale"
    assert made.incident.state == "triggered"


def test_what_is_reported_elsewhere_by_now_ends_here() -> None:
    other, third = "0-bbbbbbbbbbbbbbbb-1", "0-cccccccccccccccc-1"
    made = due("stale", alert("a"), alert("b"), alert("z", labels={"alertname": "Z"}))
    elsewhere = {"a": other, "b": other, "z": third, "never": other}
    assert stale(made, elsewhere=elsewhere) == "resolved"
    assert said(made)[:2] == [
        ("continued", f"Reported in {other} now: HighErrorRate"),
        ("continued", f"Reported in {third} now: Z"),
    ]
    part = due("stale", alert("a"), alert("b"))
    assert stale(part, elsewhere={"a": other}) == "stale"
    assert [one.fingerprint for one in part.incident.firing()] == ["b"]


def test_what_is_over_is_not_reported_elsewhere() -> None:
    made = due("stale", OVER, alert("b"))
    stale(made, elsewhere={"a": "0-bbbbbbbbbbbbbbbb-1"})
    assert [kind for kind, _ in said(made)] == ["stale"]


# Suspects.

SUSPECT = Suspect(alert(starts_at=NOW - 2 * MINUTE), NOW - MINUTE)
YOUNG = Suspect(alert("b", starts_at=NOW - MINUTE), NOW - MINUTE + 1)


def suspects(**suspected: Suspect) -> Draft:
    over = {key: alert(key, starts_at=NOW - 10 * MINUTE, ends_at=NOW - MINUTE, resolved=True)
            for key in suspected}  # fmt: skip
    return due(
        "echo", *over.values(), state="resolved", resolved_at=NOW - MINUTE, suspected=suspected
    )


def test_what_nobody_contradicted_in_time_fires() -> None:
    made = suspects(a=SUSPECT, b=YOUNG)
    assert fires(made, "echo") == "reopened"
    assert (made.incident.state, list(made.incident.suspected)) == ("triggered", ["b"])
    assert made.incident.timers["echo"] == NOW + 1
    assert said(made)[0] == (
        "echo_believed",
        "It fires although its end was reported: HighErrorRate",
    )


def test_before_its_time_it_waits() -> None:
    made = suspects(b=YOUNG)
    assert fires(made, "echo") == "timer_early"
    assert made.incident.timers == {"echo": NOW + 1}
    assert made.incident.state == "resolved"


@pytest.mark.parametrize("state", ["active", "silenced", "inhibited", "muted"])
def test_what_alertmanager_knows_fires_at_once(state: str) -> None:
    made = suspects(b=YOUNG)
    assert fires(made, "echo", alerts={"b": Seen(state)}) == "reopened"
    assert (made.incident.suspected, made.incident.firing()[0].fingerprint) == ({}, "b")


def test_what_alertmanager_does_not_know_is_dropped_and_others_wait() -> None:
    made = suspects(a=YOUNG, b=YOUNG)
    assert fires(made, "echo", alerts={"a": Seen("gone")}) == "echo_dropped"
    assert said(made) == [("echo_dropped", "Alertmanager says it is over: HighErrorRate")]
    assert (list(made.incident.suspected), made.incident.timers) == (["b"], {"echo": NOW + 1})


def test_one_that_was_not_here_before_is_believed_by_what_was_former() -> None:
    former = {"a": alert("a", starts_at=NOW - 20 * MINUTE, ends_at=NOW, resolved=True)}
    made = due("echo", alert("b"), former=former, suspected={"a": SUSPECT})
    assert fires(made, "echo") == "updated"
    assert {one.fingerprint for one in made.incident.firing()} == {"a", "b"}
    # Before its known end it cannot have begun.
    assert made.incident.alerts["a"].past is not None


def test_a_step_that_names_nobody_is_no_step() -> None:
    found = rules(Step(("slack",)), Step(()), Step(("phone",), after=10 * MINUTE))
    made = due("escalate", alert(), step=0)
    assert fires(made, "escalate", found) == "escalated"
    assert (made.incident.step, set(made.incident.pages)) == (2, {"phone"})
