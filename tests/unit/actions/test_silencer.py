"""Silences made from an incident: what is noted of them, and what happens in between."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from receiver.actions.silence import read_matchers
from receiver.actions.silencer import Silencer
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.alertmanager.silences import Silences
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError, StoreUnavailableError
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Silence
from routing.matcher import parse_matchers
from routing.person_event import Silenced, SilenceExpired
from routing.vocabulary import Reason
from tests.support.fakes.alertmanager import FakeAlertmanager

HOUR = 3_600_000
NOW = 1_772_445_600_123
MATCHERS = parse_matchers('alertname="A", job=~"b|c", env!="test"')
ANN = Actor("ann", "api")


@pytest.fixture
async def silences(alertmanager: FakeAlertmanager) -> AsyncIterator[Silences]:
    made = Silences([AlertmanagerConfig(urls=(alertmanager.url,))])
    yield made
    await made.close()


class Notes:
    """A dispatcher that keeps what is submitted; ``away``: so many times Redis is away."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.submitted: list[tuple[Any, str]] = []

    async def submit(self, event: Any, _incident: str, event_id: str = "") -> Outcome:
        if self.away:
            self.away -= 1
            raise StoreUnavailableError("away")
        self.submitted.append((event, event_id))
        return Outcome(Reason.NOTED, None)


class Still(Clock):
    def now(self) -> int:
        return NOW


def silencer(silences: Silences, notes: Notes) -> Silencer:
    return Silencer(silences, cast("Dispatcher", notes), Still())


def incident(*silences: Silence) -> Incident:
    return Incident("i-1", Group("", "", "", "", {}), "triggered", silences=silences)


async def test_alertmanager_is_asked_by_the_worlds_time_while_ours_is_being_set_right(
    silences, alertmanager
) -> None:
    class Behind(Still):
        correction = 2 * HOUR

    notes = Notes()
    asked = Silencer(silences, cast("Dispatcher", notes), Behind())
    await asked.silence(incident(), MATCHERS, NOW + HOUR, "", ANN)
    (made,) = alertmanager.silences
    assert made["endsAt"] == "2026-03-02T13:00:00.123000Z"
    ((event, _),) = notes.submitted
    assert event.silence.until == NOW + HOUR


async def test_what_could_not_be_noted_is_found_and_noted_when_asked_again(
    silences, alertmanager
) -> None:
    notes = Notes(away=1)
    asked = silencer(silences, notes)
    with pytest.raises(StoreUnavailableError):
        await asked.silence(incident(), MATCHERS, NOW + HOUR, "", ANN)
    for later in (1_000, 2_000):
        await asked.silence(incident(), MATCHERS, NOW + HOUR + later, "", ANN)
    assert alertmanager.posts == 1
    (first, once), (_, again) = notes.submitted
    # One entry, which says when Alertmanager will really end it.
    assert once == again != ""
    (kept,) = alertmanager.silences
    shown = 'alertname="A", job=~"b|c", env!="test"'
    assert first == Silenced(ANN, Silence(kept["id"], NOW + HOUR, shown, "ann"))
    await asked.silence(incident(), MATCHERS, NOW + 2 * HOUR, "", ANN)
    assert notes.submitted[-1][1] not in ("", once)
    assert notes.submitted[-1][0].silence.until == NOW + 2 * HOUR


@pytest.mark.parametrize("length", [59_999, -HOUR, 90 * 24 * HOUR + 1])
async def test_too_short_or_too_long(silences, alertmanager, length) -> None:
    with pytest.raises(PayloadError, match="from a minute to"):
        await silencer(silences, Notes()).silence(incident(), MATCHERS, NOW + length, "", ANN)
    assert alertmanager.asked == []


async def test_an_incident_without_labels_proposes_nothing(silences, alertmanager) -> None:
    with pytest.raises(PayloadError, match="at least one matcher"):
        await silencer(silences, Notes()).silence(incident(), (), NOW + HOUR, "", ANN)
    assert alertmanager.asked == []


async def test_the_end_of_a_silence_is_noted_as_it_came(silences, alertmanager) -> None:
    notes = Notes()
    asked = silencer(silences, notes)
    made = await silences.create("", MATCHERS, NOW, NOW + HOUR, "ann", "", "incident i-1")
    known = Silence(made.id, made.until, "m", "ann")
    assert (await asked.expire(incident(known), made.id, ANN)).reason == "noted"
    assert notes.submitted.pop() == (SilenceExpired(ANN, made.id), "")
    # Somebody ended it in Alertmanager meanwhile: the incident has to hear of it all the same.
    assert (await asked.expire(incident(known), made.id, ANN)).reason == "already_expired"
    (event, _) = notes.submitted.pop()
    assert (event.silence_id, event.actor.name, event.actor.ends) == (
        made.id,
        "Alertmanager",
        "automatic",
    )
    # It ran out by itself, or is known to be over: there is nothing to note.
    for over in (Silence(made.id, NOW, "m", "ann"), Silence(made.id, HOUR, "m", "ann", "", NOW)):
        assert (await asked.expire(incident(over), made.id, ANN)).reason == "already_expired"
    assert notes.submitted == []
    with pytest.raises(PayloadError, match="knows no silence"):
        await asked.expire(incident(known), "other", ANN)


async def test_one_whose_end_was_moved_in_alertmanager_can_be_ended(silences, alertmanager) -> None:
    notes = Notes()
    made = await silences.create("", MATCHERS, NOW, NOW + HOUR, "ann", "", "incident i-1")
    passed = incident(Silence(made.id, NOW - 1, "m", "ann"))
    assert (await silencer(silences, notes).expire(passed, made.id, ANN)).reason == "noted"
    assert alertmanager.silences[0]["status"] == {"state": "expired"}


def test_matchers_are_bounded() -> None:
    assert len(read_matchers(['a="b", c=~"d"', "e!=f"])) == 3
    for many in (['a="b"'] * 51, ['a="' + "x" * 10_000 + '"']):
        with pytest.raises(PayloadError):
            read_matchers(many)
