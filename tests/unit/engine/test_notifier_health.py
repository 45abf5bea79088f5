"""Which notifiers only fail, since when and of what: told by deliveries and by tries."""

import pytest

from receiver.engine.notifier_health import FORGOTTEN_MS, LONG_MS, NotifierHealth, Outage, State
from receiver.notify.notifier import Tried
from tests.support.builders import NOW
from tests.support.deliveries import SetClock

NAMES = ("pager", "chat")
BROKEN = Tried(problem="token revoked")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def health(clock: SetClock) -> NotifierHealth:
    return NotifierHealth(clock)


def test_before_anything_was_tried_nobody_is_ok_and_nobody_fails(health: NotifierHealth) -> None:
    assert health.present() == {}
    assert health.up(NAMES) == {"pager": True, "chat": True}
    assert health.states(NAMES)["pager"] == State("untried")
    assert health.condition() == ("", 0)


def test_a_delivery_that_works_is_ok(health: NotifierHealth) -> None:
    health.worked("pager")
    assert health.states(NAMES) == {"pager": State("ok"), "chat": State("untried")}


def test_failures_in_a_row_are_one_outage(health: NotifierHealth, clock: SetClock) -> None:
    for number in range(500):
        health.failed("pager", f"HTTP 502, {number}")
        clock.at += 100
    assert health.present() == {"pager": Outage(NOW, NOW + 49_900, "HTTP 502, 499")}
    assert health.lengths(NAMES) == {"pager": 49_900}
    assert health.lengths(("chat",)) == {}
    assert health.up(NAMES) == {"pager": False, "chat": True}
    assert health.states(NAMES)["pager"].name == "failing"


def test_one_success_ends_it(health: NotifierHealth, clock: SetClock) -> None:
    health.failed("pager", "HTTP 502")
    health.worked("pager")
    assert health.present() == {}
    clock.at += 5
    health.failed("pager", "HTTP 503")
    assert health.present()["pager"] == Outage(NOW + 5, NOW + 5, "HTTP 503")


def test_what_failed_long_ago_and_was_not_tried_since_says_nothing(
    health: NotifierHealth, clock: SetClock
) -> None:
    health.failed("pager", "HTTP 502")
    clock.at += FORGOTTEN_MS
    assert "pager" in health.present()
    clock.at += 1
    assert health.present() == {}
    # A failure after that is a new outage, not the end of one that lasted for hours.
    health.failed("pager", "HTTP 502")
    assert health.present()["pager"].first == clock.at


@pytest.mark.parametrize(("lasted", "said"), [(LONG_MS, False), (LONG_MS + 1, True)])
def test_a_hiccup_is_no_condition(
    health: NotifierHealth, clock: SetClock, lasted: int, *, said: bool
) -> None:
    health.failed("pager", "HTTP 502")
    clock.at += lasted
    health.failed("pager", "HTTP 503")
    words, since = health.condition()
    assert (words, since) == (("pager does not deliver: HTTP 503", NOW) if said else ("", 0))


def test_a_try_that_finds_a_problem_is_a_condition_at_once(
    health: NotifierHealth, clock: SetClock
) -> None:
    health.tried("pager", BROKEN)
    clock.at += 10
    health.tried("pager", Tried(problem="channel is archived"))
    assert health.condition() == ("pager does not deliver: channel is archived", NOW)
    clock.at += 10 * FORGOTTEN_MS
    assert health.up(NAMES)["pager"] is False


def test_several_conditions_are_told_together_since_the_first(
    health: NotifierHealth, clock: SetClock
) -> None:
    health.tried("pager", BROKEN)
    clock.at += 7
    health.tried("chat", BROKEN)
    words, since = health.condition()
    assert words == "pager does not deliver: token revoked; chat does not deliver: token revoked"
    assert since == NOW


def test_a_try_that_works_ends_what_a_try_found_and_no_delivery(
    health: NotifierHealth,
) -> None:
    health.tried("pager", BROKEN)
    health.failed("chat", "HTTP 502")
    for name in NAMES:
        health.tried(name, Tried(works=True))
    assert set(health.present()) == {"chat"}
    assert health.states(NAMES)["pager"] == State("ok")


def test_what_a_try_cannot_show_is_said_until_a_delivery_does(health: NotifierHealth) -> None:
    health.tried("pager", Tried(works=True, untried="whether it rings"))
    assert health.states(NAMES)["pager"] == State("ok", words="whether it rings")
    health.worked("pager")
    assert health.states(NAMES)["pager"] == State("ok")


def test_a_try_that_could_not_be_made_changes_nothing_known(health: NotifierHealth) -> None:
    passing = Tried(untried="rate limited", passing=True)
    health.tried("pager", passing)
    assert health.states(NAMES)["pager"] == State("untried", words="rate limited")
    health.tried("pager", Tried(untried="whether it rings", works=True))
    health.tried("pager", passing)
    assert health.states(NAMES)["pager"] == State("ok", words="whether it rings")
    health.tried("chat", BROKEN)
    health.tried("chat", passing)
    assert health.up(NAMES)["chat"] is False


def test_of_another_notifier_of_that_name_nothing_is_known(health: NotifierHealth) -> None:
    health.worked("pager")
    health.failed("pager", "HTTP 502")
    health.tried("pager", BROKEN)
    health.forget("pager")
    assert health.states(NAMES)["pager"] == State("untried")
    assert health.present() == {}
    health.forget("nobody")


def test_a_clock_that_is_set_back_leaves_an_outage_what_it_is(
    health: NotifierHealth, clock: SetClock
) -> None:
    health.failed("pager", "HTTP 502")
    clock.at -= 3_600_000
    assert "pager" in health.present()
    health.worked("pager")
    assert health.present() == {}
