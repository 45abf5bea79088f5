"""What is needed, and what forgetting leaves."""

from typing import Any

import pytest

from routing.decide import decide
from routing.decision import Draft
from routing.forgetting import forget, forget_by_person, is_needed
from routing.incident_parts import Actor, Page, Suspect
from routing.person_event import Forgotten
from tests.support.builders import MINUTE, NOW, alert, rules
from tests.support.drafts import draft, incident, said

ANN = Actor("ann", "api")
PAGES = {name: Page(1, 1, 0, "opened") for name in ("slack", "pagerduty")}
SUSPECT = {"a": Suspect(alert(), NOW)}


@pytest.mark.parametrize(
    ("fields", "told", "needed"),
    [
        ({"state": "triggered"}, True, True),
        ({"state": "acknowledged"}, False, True),
        ({"state": "snoozed"}, False, True),
        ({"state": "resolved"}, True, False),
        ({"state": "tombstone"}, True, False),
        ({"state": "damaged"}, True, False),
        ({"state": "missing"}, True, False),
        ({"state": "resolved", "suppressed": {"a": NOW}}, True, True),
        # Nobody reports it any more, so that nothing has to be kept quiet.
        ({"state": "resolved", "suppressed": {"a": NOW}}, False, False),
        ({"state": "resolved", "suspected": SUSPECT}, False, True),
        ({"state": "resolved", "merged_into": "x", "merged_firing": 1}, False, True),
        ({"state": "resolved", "merged_into": "x", "merged_firing": -1}, False, True),
        ({"state": "resolved", "merged_into": "x", "merged_firing": 0}, True, False),
        ({"state": "resolved", "merged_firing": 3}, True, False),
    ],
)
def test_what_is_needed(fields: dict[str, Any], *, told: bool, needed: bool) -> None:
    assert is_needed(incident(**fields), told=told) is needed


def test_nothing_is_left_on_the_agenda_nor_told_to_anybody() -> None:
    timers = {"forget": NOW, "acknowledge": NOW + 1, "of another release": NOW + 2}
    made = draft(state="resolved", timers=timers, pages=PAGES)
    forget(made)
    found = made.done("forgotten")  # type: ignore[arg-type]
    assert found.forget
    assert found.incident is not None
    assert found.incident.timers == {}
    assert set(found.cancel) == {*timers, "notify:slack", "notify:pagerduty"}
    assert found.schedule == ()


def test_forgetting_what_nobody_has_tells_nobody() -> None:
    made = draft(state="resolved")
    forget(made)
    assert (made.forget, made.cancel, made.skip) == (True, set(), set())


def by_person(made: Draft, *, force: bool = False, episode: int | None = None) -> str:
    return forget_by_person(made, Forgotten(ANN, force, episode), rules())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"state": "triggered"}, "still_open"),
        ({"state": "snoozed", "suppressed": {"a": NOW}}, "still_open"),
        ({"state": "resolved", "suppressed": {"a": NOW}}, "keeps_alerts_quiet"),
        ({"state": "resolved", "suspected": SUSPECT}, "keeps_alerts_quiet"),
        (
            {"state": "resolved", "merged_into": "x", "merged_firing": 2},
            "keeps_alerts_quiet",
        ),
    ],
)
def test_what_is_needed_goes_by_force_alone(fields: dict[str, Any], reason: str) -> None:
    refused = draft(**fields)
    assert by_person(refused) == reason
    assert (refused.forget, refused.fields, refused.timeline) == (False, {}, [])
    forced = draft(**fields)
    assert by_person(forced, force=True) == "forgotten"
    assert forced.forget
    assert said(forced) == [("forgotten", "Forgotten by ann")]


@pytest.mark.parametrize(
    ("episode", "reason"), [(1, "stale"), (2, "forgotten"), (None, "forgotten")]
)
def test_another_episode_than_the_one_they_saw_is_kept(episode: int | None, reason: str) -> None:
    made = draft(state="resolved", episode=2, resolved_at=NOW)
    assert by_person(made, episode=episode, force=True) == reason
    assert made.forget is (reason == "forgotten")


def test_an_open_one_counts_as_open_nowhere_any_more() -> None:
    made = draft(alert(), now=NOW + MINUTE)
    assert by_person(made, force=True) == "forgotten"
    gone = made.incident
    assert (gone.state, gone.resolved_at, gone.resolved_by) == ("resolved", NOW + MINUTE, ANN)


def test_the_end_of_what_was_over_stays_as_it_was() -> None:
    robot = Actor("alerts resolved", "automatic", human=False)
    made = draft(state="resolved", resolved_at=NOW - MINUTE, resolved_by=robot)
    assert by_person(made) == "forgotten"
    assert (made.incident.resolved_at, made.incident.resolved_by) == (NOW - MINUTE, robot)


def test_a_decision_of_a_person_says_that_everything_goes() -> None:
    base = incident(alert(), pages=PAGES)
    found = decide(base, Forgotten(ANN, force=True), NOW, rules())
    assert (found.reason, found.forget, found.changed) == ("forgotten", True, True)
    assert found.schedule == ()
