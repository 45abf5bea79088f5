"""What the public status page is told, and in which words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.matcher import parse_matchers
from routing.status_rule import (
    IMPACT_WORDS,
    IMPACTS,
    LABEL_MAX,
    STATUSES,
    WORDINGS,
    Component,
    StatusRule,
    badness,
    check_wording,
    joined,
    listed,
    worst,
)

IMPACT = {"P1": "major_outage", "P2": "partial_outage", "P3": "degraded", "P4": "operational"}


def component(name: str, matchers: str = "") -> Component:
    return Component(name, parse_matchers(matchers), IMPACT)


def rule(*components: Component, **wordings: str) -> StatusRule:
    return StatusRule(components, frozenset(IMPACT), {**WORDINGS, **wordings})


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["A"], "A"),
        (["A", "B"], "A and B"),
        (["A", "B", "C"], "A, B and C"),
        (["A and B", "C"], "A and B and C"),
        ([""], ""),
    ],
)
def test_names_are_listed_as_people_do(names: list[str], text: str) -> None:
    assert listed(names) == text
    assert listed(iter(names)) == text


def test_impacts_have_an_order_and_one_of_a_newer_release_is_degraded() -> None:
    assert [badness(impact) for impact in IMPACTS] == [0, 1, 2, 3]
    assert badness("on_fire") == badness("") == badness("degraded")
    assert set(IMPACT_WORDS) == set(IMPACTS)
    assert worst("degraded", "major_outage") == worst("major_outage", "degraded") == "major_outage"
    assert worst("on_fire", "operational") == "on_fire"
    assert worst("on_fire", "partial_outage") == "partial_outage"


IMPACTS_OF = st.dictionaries(st.sampled_from("ABC"), st.sampled_from([*IMPACTS, "on_fire"]))


@given(IMPACTS_OF, IMPACTS_OF)
@settings(max_examples=50)
def test_joining_takes_the_worse_of_each(one: dict[str, str], other: dict[str, str]) -> None:
    before = dict(one)
    found = joined(one, other)
    assert one == before
    assert found.keys() == {*one, *other}
    for name, impact in found.items():
        known = [of[name] for of in (one, other) if name in of]
        assert badness(impact) == max(map(badness, known))
    assert joined(found, other) == found
    assert joined(one, {}) == one


def test_a_component_is_hit_by_any_alert_and_without_matchers_by_every_one() -> None:
    shop = component("Shop", 'service="shop", env!="test"')
    assert not shop.hit_by([])
    assert not shop.hit_by([{"service": "shop", "env": "test"}, {"env": "prod"}])
    assert shop.hit_by([{"service": "search"}, {"service": "shop"}])
    assert not component("All").hit_by([])
    assert component("All").hit_by([{}])


@pytest.mark.parametrize("priority", ["P1", "P2", "P3", "P4"])
def test_what_is_hit_comes_in_the_pages_order_with_the_priority_s_impact(priority: str) -> None:
    found = rule(
        component("Web", 'service=~"shop|web"'),
        component("Search", "service=search"),
        component("Shop", "service=shop"),
    )
    labels = iter([{"service": "shop"}, {"service": "mail"}])
    assert list(found.hit(labels, priority).items()) == [
        ("Web", IMPACT[priority]),
        ("Shop", IMPACT[priority]),
    ]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{components}", "Shop and Web"),
        ("{components} {components}", "Shop and Web Shop and Web"),
        ("in {region}:  {components}\n", "in eu: Shop and Web"),
        ("in {nowhere}", "in"),
        ("{ region }", ""),
        # What a label says is no template.
        ("{trap}", "{components}"),
        ("{empty}x", "x"),
    ],
)
def test_a_template_tells_components_and_the_labels_it_names(template: str, text: str) -> None:
    labels = {"region": "eu", "trap": "{components}", "empty": "", "secret": "s"}
    assert rule(title=template).word("title", ["Shop", "Web"], labels) == text


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("a\nb", "a b"),
        ("a\u202eb\u0000c", "a b c"),
        (" \t ", ""),
        ("x" * LABEL_MAX, "x" * LABEL_MAX),
        ("x" * (LABEL_MAX + 1), "x" * (LABEL_MAX - 1) + "…"),
        ("<b>", "<b>"),
        (r"\1 \g<0>", r"\1 \g<0>"),
    ],
)
def test_a_label_that_is_told_is_one_short_line(label: str, told: str) -> None:
    assert rule(title="{region}").word("title", ["Shop"], {"region": label}) == told


def test_the_default_words_name_nothing_but_components() -> None:
    labels = {"alertname": "SECRET", "instance": "SECRET"}
    for name in WORDINGS:
        check_wording(WORDINGS[name])
        assert "SECRET" not in rule().word(name, ["Shop"], labels)
    assert set(STATUSES) < set(WORDINGS)


@pytest.mark.parametrize("text", ["a", "{components}", "{a label}", "{a}{b}", "x {dépôt.名} y"])
def test_a_template_with_placeholders_is_allowed(text: str) -> None:
    check_wording(text)


@pytest.mark.parametrize("text", ["", "  ", "{", "}", "{}", "{a", "a}", "{{a}}", "{a}}", "{a{b}"])
def test_a_template_with_other_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="placeholders such as"):
        check_wording(text)


@given(st.text(st.sampled_from("{}ab \n"), max_size=12))
@settings(max_examples=50)
def test_no_brace_is_left_of_a_template_that_is_allowed(text: str) -> None:
    try:
        check_wording(text)
    except ValueError:
        return
    told = rule(title=text).word("title", ["C"], {"a": "A", "b": "B"})
    assert not {"{", "}", "\n"} & set(told)
