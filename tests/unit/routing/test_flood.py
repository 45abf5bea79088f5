"""What of a sender's flood is folded into one incident, and what never is."""

from typing import Any

import pytest

from routing.alert import Alert
from routing.event import AlertsReceived
from routing.flood import belongs, ended, flood_group, folded, is_minor
from routing.group import Group
from routing.incident_parts import Damage
from tests.support.builders import KEY, MINUTE, NOW, alert
from tests.support.drafts import incident


def event(*alerts: Alert, key: str = "g1") -> AlertsReceived:
    return AlertsReceived(KEY, Group("eu", "team", key), alerts, source="grafana")


def minor(fingerprint: str = "a", **more: Any) -> Alert:
    return alert(fingerprint, **{"priority": "P3", **more})


@pytest.mark.parametrize(
    ("alerts", "folds"),
    [
        ((), False),
        ((minor(),), True),
        ((minor(priority="P4"), minor("b")), True),
        ((minor(priority="P2"),), False),
        ((minor(), minor("b", priority="P1")), False),
        ((minor(resolved=True),), False),
        # What was urgent and is over does not count, what fires beside it does.
        ((minor(), minor("b", priority="P1", resolved=True)), True),
        ((minor(priority="P1"), minor("b", resolved=True)), False),
    ],
)
def test_only_what_fires_below_p2_is_folded(alerts: tuple[Alert, ...], *, folds: bool) -> None:
    assert is_minor(event(*alerts)) is folds


def test_ends_are_told_alone() -> None:
    over, fires = minor(resolved=True), minor("b")
    assert ended(event()) is None
    assert ended(event(fires)) is None
    whole = event(over)
    assert ended(whole) is whole
    part = ended(event(fires, over, minor("c", resolved=True)))
    assert part is not None
    assert [one.fingerprint for one in part.alerts] == ["a", "c"]
    assert (part.key, part.source) == (KEY, "grafana")


def test_a_flood_has_a_group_that_no_sender_can_be_in() -> None:
    flood = flood_group("eu", "shop")
    assert (flood.receiver, flood.group_key, flood.flood) == ("flood", "shop", True)
    assert flood.digest() != Group("eu", "flood", "shop").digest()
    assert flood.digest() != flood_group("us", "shop").digest()
    assert flood.digest() == flood_group("eu", "shop").digest()


def test_without_an_incident_of_its_own_it_does_not_belong_there() -> None:
    assert not belongs(event(minor()), None)
    damaged = incident(minor(), state="damaged", damage=Damage("gone", NOW))
    for told in ((minor(),), (minor(resolved=True),), ()):
        assert not belongs(event(*told), damaged)


@pytest.mark.parametrize("state", ["triggered", "acknowledged", "snoozed"])
def test_what_is_open_takes_whatever_comes(state: str) -> None:
    assert belongs(event(minor("new")), incident(minor(), state=state))


OVER = minor(resolved=True, starts_at=NOW - 2 * MINUTE, ends_at=NOW)


@pytest.mark.parametrize(
    ("told", "stays"),
    [
        ((), True),
        ((minor(resolved=True),), True),
        # A late copy of what has ended there.
        ((minor(starts_at=NOW - 2 * MINUTE),), True),
        ((minor(starts_at=NOW),), True),
        ((minor(starts_at=NOW + 1),), False),
        ((minor(starts_at=0),), False),
        ((minor("b", starts_at=NOW - 2 * MINUTE),), False),
        ((minor(starts_at=NOW - 1), minor("b")), False),
    ],
)
def test_late_copies_of_what_ended_there_stay_there(
    told: tuple[Alert, ...], *, stays: bool
) -> None:
    done = incident(OVER, state="resolved", resolved_at=NOW)
    assert belongs(event(*told), done) is stays


def test_what_is_quiet_there_stays_there() -> None:
    quiet = incident(minor(), state="resolved", suppressed={"a": NOW - MINUTE})
    assert belongs(event(minor("b")), quiet)


@pytest.mark.parametrize("shards", [1, 16])
def test_each_alert_names_the_group_it_is_of(shards: int) -> None:
    flood = flood_group("eu", "shop")
    events = [
        event(minor("a"), minor("b", source_group="regrouped"), key="g1"),
        event(minor("c"), key="g2"),
    ]
    one = folded(events, flood, shards)
    assert one.group == flood
    shard, digest = one.key.split("-")
    assert digest == flood.digest()
    assert int(shard) < shards
    assert [(of.fingerprint, of.source_group) for of in one.alerts] == [
        ("a", "g1"),
        ("b", "regrouped"),
        ("c", "g2"),
    ]
    assert (one.source, one.kind) == ("grafana", "alert")
    # Folding what is folded changes nothing.
    assert folded([one], flood, shards) == one


def test_five_hundred_events_are_one() -> None:
    events = (event(minor(str(n)), key=f"g{n}") for n in range(500))
    one = folded(events, flood_group("", "x"), 1)
    assert [of.source_group for of in one.alerts] == [f"g{n}" for n in range(500)]
