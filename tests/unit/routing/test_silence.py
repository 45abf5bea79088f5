"""What is proposed to be silenced for an incident, and what Alertmanager would refuse."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.alert import Alert, summarized
from routing.group import Group
from routing.incident import COMPLETE_KEPT
from routing.matcher import Matcher, matches_all, parse_matchers
from routing.silence import check_matchers, default_matchers
from tests.support.builders import MINUTE, NOW, alert
from tests.support.drafts import incident


def labelled(fingerprint: str, *, over: Any = False, **labels: str) -> Alert:
    return alert(fingerprint, resolved=over, labels=labels)


def proposed(*alerts: Alert, **more: object) -> str:
    return ", ".join(map(str, default_matchers(incident(*alerts, **more))))


@pytest.mark.parametrize(
    ("labels", "matchers"),
    [
        ([{}], ""),
        ([{"alertname": "A"}], 'alertname="A"'),
        ([{"zone": "z", "alertname": "A", "Abc": "b"}], 'alertname="A", Abc="b", zone="z"'),
        ([{"alertname": "A", "pod": "1"}, {"alertname": "A", "pod": "2"}], 'alertname="A"'),
        ([{"alertname": "A"}, {"alertname": "B"}], ""),
        ([{"alertname": "A", "app": "x"}, {"alertname": "B", "app": "x"}], 'app="x"'),
        ([{"alertname": "A", "app": "x"}, {"alertname": "A"}], 'alertname="A"'),
        # An empty label is none.
        ([{"alertname": "A", "app": ""}], 'alertname="A"'),
        ([{"app": ""}, {"app": ""}], ""),
        ([{"dépôt.名": 'a"b\\c'}], r'"dépôt.名"="a\"b\\c"'),
    ],
)
def test_only_what_all_have_alike_is_proposed(labels: list[dict[str, Any]], matchers: str) -> None:
    alerts = [labelled(str(number), **one) for number, one in enumerate(labels)]
    assert proposed(*alerts) == matchers


def test_what_is_over_does_not_narrow_what_fires() -> None:
    fires = labelled("a", alertname="A", pod="1")
    over = labelled("b", alertname="A", pod="2", over=True)
    assert proposed(fires, over) == 'alertname="A", pod="1"'
    assert proposed(over) == 'alertname="A", pod="2"'
    quiet = {"a": fires.starts_at}
    assert proposed(fires, over, suppressed=quiet) == 'alertname="A"'


def test_without_an_alert_and_of_a_flood_nothing_is() -> None:
    assert proposed() == ""
    flood = Group("", "flood", "shop", flood=True)
    assert proposed(labelled("a", alertname="A"), group=flood) == ""


def test_of_many_alerts_those_without_labels_do_not_count() -> None:
    whole = [labelled(str(n), alertname="A", pod="1") for n in range(COMPLETE_KEPT)]
    bare = summarized(labelled("more", alertname="A", pod="2"))
    assert proposed(*whole, bare) == 'alertname="A", pod="1"'
    # Of few alerts each is as it came: one without labels has none in common with others.
    assert proposed(*whole[:2], bare) == ""


LABELS = st.dictionaries(
    st.sampled_from(["alertname", "app", "pod", "ä"]), st.sampled_from(["", "a", "b", '"'])
)


@given(st.lists(LABELS, min_size=1, max_size=5))
@settings(max_examples=50)
def test_all_that_fires_is_silenced_and_nothing_that_differs(
    all_labels: list[dict[str, Any]],
) -> None:
    found = incident(*(labelled(str(n), **one) for n, one in enumerate(all_labels)))
    matchers = default_matchers(found)
    for labels in all_labels:
        assert matches_all(matchers, labels)
    for matcher in matchers:
        assert not matches_all(matchers, {**all_labels[0], matcher.name: "something else"})
    assert not matchers or check_matchers(matchers) == ""
    text = ",".join(map(str, matchers))
    assert parse_matchers(text) == matchers


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "needs at least one matcher"),
        ('a=""', "everything is silenced"),
        ('a=~".*"', "everything is silenced"),
        ('a!="b"', "everything is silenced"),
        ('a!~"b|c", d=""', "everything is silenced"),
        ('a=~"|b"', "everything is silenced"),
        ('a="b"', ""),
        ('a=~".+"', ""),
        ('a!=""', ""),
        ('a!~"|b"', ""),
        ('a=~".*", b="c"', ""),
    ],
)
def test_a_silence_of_everything_is_refused(text: str, wrong: str) -> None:
    found = check_matchers(parse_matchers(text))
    assert wrong in found
    assert bool(found) == bool(wrong)


def test_matchers_may_come_from_anywhere() -> None:
    assert check_matchers(iter([Matcher("a", "=", "b")])) == ""
    assert "at least one" in check_matchers(iter(()))


def test_the_order_of_alerts_changes_nothing() -> None:
    alerts = [
        labelled("a", alertname="A", pod="1", app="x"),
        labelled("b", alertname="A", pod="2", app="x"),
        labelled("c", alertname="A", pod="1", app="x", zone="z"),
    ]
    later = [
        alert(one.fingerprint, labels=one.labels, starts_at=NOW + n * MINUTE)
        for n, one in enumerate(reversed(alerts))
    ]
    assert proposed(*alerts) == proposed(*reversed(alerts)) == proposed(*later)
