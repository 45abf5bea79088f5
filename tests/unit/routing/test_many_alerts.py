"""Of many alerts the most urgent are kept whole, of the others what decisions need."""

import random

import msgspec
import pytest

from receiver.store.records.record import decode_incident, encode_incident
from routing.alert import Alert
from routing.decide import decide
from routing.incident import COMPLETE_KEPT, Incident
from routing.silence import default_matchers
from tests.support.builders import MINUTE, NOW, alert, play, received, rules

MANY = COMPLETE_KEPT + 1_500


def host(number: int, *, resolved: bool = False, **more: str) -> Alert:
    urgent = number % 25 == 0
    return alert(
        f"{number:016x}",
        resolved=resolved,
        labels={
            "alertname": "DiskFull",
            "service": "checkout",
            "instance": f"host-{number}",
        },
        annotations={"summary": f"host-{number}", "description": f"{number} " * 300, **more},
        starts_at=NOW - MINUTE - number,
        priority="P1" if urgent else "P3",
        priority_reason="severity critical" if urgent else "severity warning",
    )


def storm(*, resolved: bool = False) -> list[Alert]:
    return [host(number, resolved=resolved) for number in range(MANY)]


def whole(incident: Incident) -> set[str]:
    return {key for key, one in incident.alerts.items() if one.labels}


@pytest.fixture(scope="module")
def stormy() -> Incident:
    incident, _ = play((0, received(*storm())), found=rules())
    return incident


def test_the_most_urgent_are_kept_whole_and_all_are_counted(stormy: Incident) -> None:
    assert len(stormy.alerts) == len(stormy.firing()) == MANY
    assert len(whole(stormy)) == COMPLETE_KEPT == len(stormy.complete_alerts())
    urgent = {one.fingerprint for one in storm() if one.priority == "P1"}
    assert urgent <= whole(stormy)
    assert stormy.priority == "P1"
    assert stormy.title.startswith("DiskFull: host-")
    assert stormy.title.endswith(f"(+{MANY - 1} more)")


def test_the_same_again_changes_nothing(stormy: Incident) -> None:
    decision = decide(stormy, received(*storm()), NOW + MINUTE, rules())
    assert (decision.reason, decision.changed) == ("repeat", False)


def test_a_text_that_is_not_kept_is_no_change(stormy: Incident) -> None:
    kept = whole(stormy)
    number = next(n for n in range(MANY) if f"{n:016x}" not in kept)
    again = decide(stormy, received(host(number, value="1")), NOW + MINUTE, rules())
    assert not again.changed
    shown = next(n for n in range(MANY) if f"{n:016x}" in kept)
    changed = decide(stormy, received(host(shown, value="1")), NOW + MINUTE, rules())
    assert changed.changed


@pytest.mark.parametrize("seed", range(3))
def test_which_ones_does_not_depend_on_the_order(stormy: Incident, seed: int) -> None:
    alerts = storm()
    random.Random(seed).shuffle(alerts)
    parts = [alerts[at : at + 700] for at in range(0, MANY, 700)]
    moves = [(0, received(*part)) for part in (*parts, alerts)]
    incident, _ = play(*moves, found=rules())
    assert whole(incident) == whole(stormy)
    assert {k: (a.resolved, a.starts_at, a.priority) for k, a in incident.alerts.items()} == {
        k: (a.resolved, a.starts_at, a.priority) for k, a in stormy.alerts.items()
    }


def test_it_is_said_once() -> None:
    _, decisions = play(
        (0, received(*storm()[:COMPLETE_KEPT])),
        (1, received(*storm())),
        (2, received(*storm(), host(MANY))),
        found=rules(),
    )
    said = [entry for one in decisions for entry in one.timeline if entry.kind == "summarized"]
    assert [entry.at for entry in said] == [NOW + MINUTE]


def test_all_of_them_resolve(stormy: Incident) -> None:
    decision = decide(stormy, received(*storm(resolved=True)), NOW + MINUTE, rules())
    assert decision.reason == "resolved"
    assert decision.incident is not None
    assert len(decision.incident.alerts) <= COMPLETE_KEPT


def test_one_whose_labels_are_not_kept_keeps_the_incident_open(stormy: Incident) -> None:
    last = next(key for key in stormy.alerts if key not in whole(stormy))
    rest = [one for one in storm(resolved=True) if one.fingerprint != last]
    decision = decide(stormy, received(*rest), NOW + MINUTE, rules())
    assert decision.incident is not None
    assert decision.incident.state == "triggered"
    assert [one.fingerprint for one in decision.incident.firing()] == [last]
    told = received(next(one for one in storm() if one.fingerprint == last))
    again = decide(decision.incident, told, NOW + 2 * MINUTE, rules())
    assert again.incident is not None
    assert again.incident.firing()[0].labels["alertname"] == "DiskFull"


def test_silences_are_proposed_by_what_is_known(stormy: Incident) -> None:
    assert [str(one) for one in default_matchers(stormy)] == [
        'alertname="DiskFull"',
        'service="checkout"',
    ]


def test_the_record_is_small_and_read_back(stormy: Incident) -> None:
    complete = msgspec.structs.replace(
        stormy, alerts={one.fingerprint: one for one in storm()}, version=1
    )
    record = encode_incident(stormy)
    assert len(record) < 0.5 * len(encode_incident(complete))
    assert decode_incident(record) == stormy
