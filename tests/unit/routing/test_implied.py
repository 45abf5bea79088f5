"""What matchers say of each other, where it can be decided."""

import pytest

from routing.implied import contradict, covers, implies, impossible
from routing.matcher import Matcher, parse_matchers


def one(text: str) -> Matcher:
    (matcher,) = parse_matchers(text)
    return matcher


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        ("a=x", "a=x", True),
        ("a=x", "a=y", False),
        ("a=x", "b=x", False),
        ("a=x", "a!=y", True),
        ("a=x", "a!=x", False),
        ("a=x", 'a=~"x|y"', True),
        ('a=~"x|y"', "a=x", False),
        ('a=~"x|y"', 'a=~"x|y|z"', True),
        ('a=~"x|y"', 'a=~"[xy]"', True),
        ('a=~"[xy]"', 'a=~"x|y"', False),
        ('a=~"x"', "a=x", True),
        ('a=""', 'a!="x"', True),
        ('a!=""', 'a=~".+"', False),
        ('a=~".+"', 'a!=""', True),
        ('a!~"x.*"', 'a!="xy"', True),
        ('a!="xy"', 'a!~"x.*"', False),
        ('a!~"x|y"', "a!=x", True),
        ("a!=x", 'a!~"x|y"', False),
        # What everything fulfils is implied also by what is about another label.
        ("b=x", 'a=~".*"', True),
        ("b=x", 'a!~".+"', False),
        ('a=~".*"', "a=x", False),
        ('a=~"x.*"', 'a=~"x.*"', True),
        ('a=~"x.*"', 'a=~"x.*|y"', False),
    ],
)
def test_what_one_implies_of_the_other(first: str, second: str, *, known: bool) -> None:
    assert implies(one(first), one(second)) is known


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        ("a=x", "a=y", True),
        ("a=x", "b=y", False),
        ("a=x", "a!=x", True),
        ("a=x", "a!=y", False),
        ('a=~"x|y"', 'a=~"z|"', True),
        ('a=~"x|y"', 'a=~"y|z"', False),
        ("a=x", 'a=~"[yz]"', True),
        ('a=~".+"', 'a=""', True),
        ('a=~"x.+"', 'a!~"x.+"', True),
        ('a=~"x.+"', 'a!~"x.*"', False),
        ('a=~"x.+"', 'a=~"y.+"', False),
        ('a!~"x.+"', 'a!~"x.+"', False),
        ("a!=x", "a!=y", False),
        ('a!~".*"', "a=x", True),
    ],
)
def test_what_no_labels_fulfil_together(first: str, second: str, *, known: bool) -> None:
    assert contradict(one(first), one(second)) is known
    assert contradict(one(second), one(first)) is known


@pytest.mark.parametrize(
    ("wider", "narrower", "known"),
    [
        ("", "", True),
        ("", "a=x", True),
        ("a=x", "", False),
        ('a=~".*"', "", True),
        ("a=x", "a=x, b=y", True),
        ("a=x, b=y", "a=x", False),
        ('a=~"x|y", b!=z', "b=y, a=x", True),
        # Two that together say it, and neither alone.
        ("a!=x", 'a=~"x|y", a!=x', True),
        ("a=y", 'a=~"x|y", a!=x', False),
    ],
)
def test_what_covers_what(wider: str, narrower: str, *, known: bool) -> None:
    assert covers(parse_matchers(wider), parse_matchers(narrower)) is known


def test_the_first_two_that_contradict_are_named() -> None:
    assert impossible(()) is None
    assert impossible(parse_matchers("a=x, b=x, a!=y")) is None
    found = impossible(parse_matchers('b=1, a=~"x|y", c=3, a=z, b=2'))
    assert found == (one('a=~"x|y"'), one("a=z"))


def test_one_contradiction_among_many_is_found() -> None:
    many = parse_matchers(", ".join(f"l{n}=v" for n in range(500)))
    assert impossible(many) is None
    assert impossible((*many, one("l250=w"))) == (one("l250=v"), one("l250=w"))
