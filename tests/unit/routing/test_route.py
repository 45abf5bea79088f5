from typing import Any

import pytest

from routing.config.route import RouteConfig
from routing.route import RouteTree


def tree(**root: Any) -> RouteTree:
    return RouteTree(RouteConfig.model_validate(root))


def ids(routes: RouteTree, **labels: str) -> list[str]:
    return [route.id for route in routes.match(labels)]


BRANCHES = [
    {
        "matchers": ['team="db"'],
        "routes": [
            {"matchers": ['severity="critical"'], "name": "db-now"},
            {"matchers": ['env="prod"']},
        ],
    },
    {"matchers": ['team=~"web|db"'], "continue": True},
    {"matchers": ["env!=test"], "routes": [{"matchers": ["never=here"]}]},
]


def test_the_root_alone_takes_everything() -> None:
    alone = tree()
    assert ids(alone, a="b") == [""]
    assert alone.match({}) is alone.match({"x": "y"})


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        ({"team": "db", "severity": "critical", "env": "prod"}, ["db-now"]),
        ({"team": "db", "env": "prod"}, ["0.1"]),
        ({"team": "db"}, ["0"]),
        ({"team": "web"}, ["1", "2"]),
        ({"team": "web", "env": "test"}, ["1"]),
        ({"team": "ops"}, ["2"]),
        ({"team": "ops", "env": "test"}, [""]),
    ],
)
def test_deepest_match_first_sibling_and_continue(labels: dict[str, str], taken: list[str]) -> None:
    assert ids(tree(routes=BRANCHES), **labels) == taken


def test_a_child_that_continues_stops_at_its_parent() -> None:
    nested = tree(
        routes=[
            {"matchers": ["a=1"], "routes": [{"matchers": ["b=1"], "continue": True}]},
            {"matchers": ["a=1"]},
        ]
    )
    assert ids(nested, a="1", b="1") == ["0.0"]


def test_children_inherit_what_they_do_not_say() -> None:
    routes = tree(
        group_by=["a"],
        team="root",
        priority="p2",
        escalation="slow",
        routes=[
            {"group_by": [], "routes": [{"team": "leaf", "priority": "P1"}]},
            {"group_by": ["b"]},
        ],
    )
    leaf = routes.by_id("0.0")
    assert (leaf.group_by, leaf.team, leaf.priority) == ((), "leaf", "P1")
    assert [change["P3"].escalation for change in leaf.changes] == ["slow"]
    assert routes.by_id("1").group_by == ("b",)
    assert routes.root.priority == "P2"
    assert [route.id for route in routes.routes] == ["", "0", "0.0", "1"]


def test_an_unknown_id_is_the_root() -> None:
    routes = tree(routes=BRANCHES)
    assert routes.by_id("gone") is routes.by_id("") is routes.root
    assert routes.by_id("db-now").id == "db-now"


def test_two_routes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'twin'"):
        tree(routes=[{"name": "twin"}, {"routes": [{"name": "twin"}]}])


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "0.1"},
        {"name": "a b"},
        {"group_by": ["..."]},
        {"matchers": [{"a": "b"}]},
        {"to": 1},
    ],
)
def test_bad_routes_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RouteConfig.model_validate(bad)
