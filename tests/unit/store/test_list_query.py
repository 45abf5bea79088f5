"""What a list's text is found in: each text for itself, in any case, of every alert."""

import msgspec
import pytest

from receiver.store.lists.query import Query
from tests.support.builders import alert, play, received, rules

LABELS = {"alertname": "DiskFull", "host": "Straße-1"}
NOTES = {"summary": "97 % of /data", "description": "Two\nlines", "runbook": "not looked at"}
INCIDENT, _ = play(
    (0, received(alert("a", labels=LABELS, annotations=NOTES), alert("b", labels={"x": "ends"}))),
    found=rules(),
)


@pytest.mark.parametrize(
    "text",
    [
        "diskfull",
        "HOST=STRASSE-1",
        "host=Straße",
        "97 % of /data",
        "two\nlines",
        "x=ends",
        "0-aaaa",
    ],
)
def test_a_text_is_found(text: str) -> None:
    assert Query(text=text).keeps(INCIDENT)


@pytest.mark.parametrize(
    "text", ["not looked at", "nothing", "host=straße-1x=ends", "straße-197 %", "diskfull\x000"]
)
def test_a_text_that_no_text_has_is_not(text: str) -> None:
    assert not Query(text=text).keeps(INCIDENT)


def test_the_last_of_many_alerts_is_looked_at() -> None:
    (one, *_) = INCIDENT.alerts.values()
    alerts = {str(n): msgspec.structs.replace(one, fingerprint=str(n)) for n in range(900)}
    alerts["last"] = msgspec.structs.replace(one, fingerprint="last", labels={"host": "the last"})
    many = msgspec.structs.replace(INCIDENT, alerts=alerts)
    assert Query(text="the LAST").keeps(many)
