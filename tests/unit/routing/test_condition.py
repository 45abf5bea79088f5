"""Numeric conditions of rules: what is one, and when it holds."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.condition import Condition, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("-0.5", -0.5),
        (" 0.07 ", 0.07),
        ("1.2e3", 1200.0),
        ("+Inf", math.inf),
        ("-inf", -math.inf),
        ("7%", 0.07),
        ("7 %", 0.07),
        ("-50%", -0.5),
        ("100%", 1.0),
        ("1_000", 1000.0),
    ],
)
def test_numbers_as_senders_write_them(text: str, number: float) -> None:
    assert read_number(text) == pytest.approx(number)


@pytest.mark.parametrize(
    "text", ["", " ", "%", "nan", "NaN%", "7%%", "1,5", "0x10", "1 000", "five", "1e", "7\x00"]
)
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(read_number(text))


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
@pytest.mark.parametrize("name", ["value", "group_size"])
def test_each_operator_at_its_limit(
    operator: str, name: str, *, below: bool, equal: bool, above: bool
) -> None:
    condition = Condition(f"{name}{operator}10")
    found = [condition.holds({}, {"value": str(size)}, size) for size in (9, 10, 11)]
    assert found == [below, equal, above]


@pytest.mark.parametrize(
    ("labels", "annotations", "holds"),
    [
        ({}, {}, False),
        ({"value": "6"}, {}, True),
        ({}, {"value": "6"}, True),
        # An annotation comes first, also one that says nothing.
        ({"value": "6"}, {"value": "4"}, False),
        ({"value": "6"}, {"value": ""}, False),
        ({"value": "6"}, {"value": "many"}, False),
        ({"value": "4"}, {"value": "6"}, True),
        ({"Value": "6"}, {"VALUE": "6"}, False),
        ({"value": "inf"}, {}, True),
        ({"value": "nan"}, {}, False),
        ({"value": "600%"}, {}, True),
    ],
)
def test_the_annotation_comes_before_the_label(
    labels: dict[str, str], annotations: dict[str, str], *, holds: bool
) -> None:
    assert Condition("value > 5").holds(labels, annotations, 1_000) is holds


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_what_is_no_number_never_holds(operator: str) -> None:
    assert not Condition(f"value {operator} 5").holds({"value": "n/a"}, {}, 0)


def test_the_size_of_the_group_is_no_annotation() -> None:
    condition = Condition("group_size >= 10")
    assert condition.uses_group_size
    assert not condition.holds({"group_size": "99"}, {"group_size": "99"}, 9)
    assert condition.holds({"group_size": "1"}, {"group_size": "x"}, 10)
    assert not Condition("group_sizes >= 10").uses_group_size


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("value>0.05", "value", "value>0.05"),
        ("  error_rate   <=  5% \n", "error_rate", "error_rate   <=  5%"),
        ("dépôt == 1", "dépôt", "dépôt == 1"),
        ("a.b/c-d != -1e3", "a.b/c-d", "a.b/c-d != -1e3"),
        ("value > +Inf", "value", "value > +Inf"),
    ],
)
def test_what_is_a_condition(text: str, name: str, written: str) -> None:
    condition = Condition(text)
    assert (condition.name, condition.text) == (name, written)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "value",
        "value >",
        "> 5",
        "value = 5",
        "value => 5",
        "value > five",
        "value > NaN",
        "value > 5 and more",
        "a b > 5",
        "value > 5 > 3",
        "value >> 5",
        "value > > 5",
    ],
)
def test_what_is_none_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"write for example value > 0\.05") as error:
        Condition(text)
    assert repr(text) in str(error.value)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@settings(max_examples=50)
def test_two_opposites_never_hold_together(value: float, limit: float) -> None:
    annotations = {"value": repr(value)}
    for one, other in ((">", "<="), (">=", "<"), ("==", "!=")):
        found = [
            Condition(f"value {operator} {limit!r}").holds({}, annotations, 0)
            for operator in (one, other)
        ]
        assert sorted(found) == [False, True]


@given(st.text(max_size=30))
@settings(max_examples=50)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = Condition(text)
    except ValueError:
        return
    assert Condition(condition.text).name == condition.name
    assert condition.holds({condition.name: text}, {}, 0) in {True, False}
