"""YAML with the line of every key: that of the value that counts."""

import pytest

from receiver.config.yaml_lines import read_yaml

BASE = "base: &base\n  x: 1\n  y: {a: 1}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("own:\n  x: 2\n  <<: *base\n", 5),
        ("own:\n  <<: *base\n  x: 2\n", 6),
        ("own:\n  z: 3\n  x: 2\n  <<: [*base]\n", 6),
    ],
)
def test_a_key_that_overrides_a_merged_one_has_its_own_line(text: str, line: int) -> None:
    found = read_yaml(BASE + text)
    assert found.problems == []
    assert found.data["own"]["x"] == 2
    assert found.lines["own", "x"] == line
    assert found.lines["own", "y"] == 3


def test_so_have_the_keys_within_it() -> None:
    found = read_yaml(BASE + "own:\n  y:\n    a: 2\n  <<: *base\n")
    assert found.data["own"] == {"x": 1, "y": {"a": 2}}
    assert (found.lines["own", "y"], found.lines["own", "y", "a"]) == (5, 6)


def test_a_key_that_is_given_twice_is_said_with_its_own_lines() -> None:
    found = read_yaml(BASE + "own:\n  x: 2\n  <<: *base\n  x: 3\n")
    assert found.problems == [(7, "own.x: given twice, first in line 5")]
