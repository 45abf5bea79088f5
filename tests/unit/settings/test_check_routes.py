"""Routes and rules that no alert comes to, asked of the check itself."""

from typing import Any

import pytest

from receiver.settings.check_routes import check_routes, check_rules
from tests.support.settings import said, usable


def _routes(*routes: dict[str, Any]) -> tuple[list[tuple[str, str]], set[str]]:
    problems, lost = check_routes(usable(route={"routes": list(routes)}))
    return said(problems), {".".join(map(str, place)) for place in lost}


def test_routes_that_are_taken_are_well() -> None:
    assert _routes({"matchers": ["a=b"]}, {"matchers": ["a=c"]}, {"matchers": ["a!=b"]}) == (
        [],
        set(),
    )


@pytest.mark.parametrize(
    "routes",
    [
        [{"matchers": ["a=b"]}, {"matchers": ["a=b", "c=d"]}],
        [{"matchers": []}, {"matchers": ["a=b"]}],
        [{"matchers": ['a=~"b|c"']}, {"matchers": ["a=b"]}],
    ],
)
def test_a_route_behind_one_that_takes_the_same_is_lost(routes: list[dict[str, Any]]) -> None:
    ((place, words),), lost = _routes(*routes)
    assert place == "route.routes.1"
    assert words.startswith("no alert can take this route")
    assert lost == {"route.routes.1"}


def test_a_route_that_goes_on_takes_nothing_from_others() -> None:
    found, lost = _routes({"matchers": ["a=b"], "continue": True}, {"matchers": ["a=b"]})
    assert (found, lost) == ([], set())


def test_going_on_to_nothing_has_no_effect() -> None:
    ((place, words),), _ = _routes({"matchers": ["a=b"], "continue": True})
    assert place == "route.routes.0.continue"
    assert "no route follows" in words


def test_of_a_lost_route_its_children_are_not_spoken_of() -> None:
    child = {"matchers": ["a=b", "a=c"]}
    found, lost = _routes({"matchers": ["x=y", "x=z"], "routes": [child]})
    assert [place for place, _ in found] == ["route.routes.0"]
    assert lost == {"route.routes.0", "route.routes.0.routes.0"}


def test_hundreds_of_routes_are_looked_at_in_a_moment() -> None:
    many = [{"matchers": [f"service=s{number}"]} for number in range(1_500)]
    found, lost = _routes(*many, {"matchers": ["service=s7"]})
    assert [place for place, _ in found] == ["route.routes.1500"]
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            [
                {"matchers": ["a=b"], "priority": "P1"},
                {"matchers": ["a=b", "c=d"], "priority": "P2"},
            ],
            "the rule number 1 before it holds as well",
        ),
        (
            [
                {"name": "all", "matchers": [], "priority": "P1"},
                {"matchers": ["c=d"], "priority": "P2"},
            ],
            "the rule 'all' before it holds as well",
        ),
        (
            [
                {"matchers": ["a=b"], "priority": "P1"},
                {"matchers": ["x=y", "x=z"], "priority": "P2"},
            ],
            "cannot both be true",
        ),
    ],
)
def test_a_rule_that_never_decides_is_said(rules: list[dict[str, Any]], words: str) -> None:
    ((place, found),) = said(check_rules(usable(classify={"rules": rules})))
    assert place == "classify.rules.1"
    assert words in found
