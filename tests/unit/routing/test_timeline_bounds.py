"""A timeline that goes on for ever stays bounded, and says so."""

import msgspec

from routing.actions.person import NOTES_MAX
from routing.decide import decide
from routing.decision import CHATTER_MAX, ENTRIES_MAX
from routing.event import DeliveryNoted
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Noted, Resolved
from tests.support.builders import MINUTE, NOW, alert, play, received, rules

ANN = Actor("ann", "api")


def opened(**more: int) -> Incident:
    incident, _ = play((0, received(alert())), found=rules())
    return msgspec.structs.replace(incident, **more)


def test_entries_are_counted() -> None:
    incident, decisions = play(
        (0, received(alert())),
        (1, DeliveryNoted("slack", "late")),
        (2, received(alert("b"))),
        found=rules(),
    )
    assert incident.entries == sum(len(one.timeline) for one in decisions) > 2


def test_beyond_the_bound_chatter_is_left_out_and_that_is_said_once() -> None:
    state = opened(entries=CHATTER_MAX + 5)
    kinds = []
    for at in range(3):
        decision = decide(state, DeliveryNoted("slack", f"{at}"), NOW + at * MINUTE, rules())
        assert decision.incident is not None
        state = decision.incident
        kinds += [entry.kind for entry in decision.timeline]
    assert kinds == ["shortened"]
    ended = decide(state, received(alert(resolved=True)), NOW + 5 * MINUTE, rules())
    assert [entry.kind for entry in ended.timeline] == ["resolved"]


def test_at_the_last_bound_nothing_is_added_and_everything_still_happens() -> None:
    state = opened(entries=ENTRIES_MAX)
    decision = decide(state, Resolved(ANN), NOW + MINUTE, rules())
    assert decision.timeline == ()
    assert decision.incident is not None
    assert (decision.reason, decision.incident.state) == ("resolved", "resolved")


def test_notes_are_bounded() -> None:
    state = opened(notes=NOTES_MAX - 1)
    last = decide(state, Noted(ANN, "one more"), NOW + MINUTE, rules())
    assert (last.reason, [entry.kind for entry in last.timeline]) == ("noted", ["note"])
    assert last.incident is not None
    beyond = decide(last.incident, Noted(ANN, "and another"), NOW + 2 * MINUTE, rules())
    assert (beyond.reason, beyond.changed, beyond.timeline) == ("too_many_notes", False, ())
