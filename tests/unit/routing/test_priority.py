import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alert import severity_label
from routing.condition import Condition, read_number
from routing.config.base import USUAL_SEVERITIES, ClassifyConfig
from routing.priority import Classifier
from routing.severity import WORDS, canonical, plain_word


def classifier(**config: Any) -> Classifier:
    return Classifier(ClassifyConfig.model_validate(config))


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [
        ({"severity": "critical"}, ("P1", "severity critical")),
        ({"severity": "Error"}, ("P2", "severity error")),
        ({"severity": "high"}, ("P2", "severity high")),
        ({"severity": " WARNING "}, ("P3", "severity warning")),
        ({"severity": "info"}, ("P4", "severity info")),
        ({"severity": "none"}, ("P4", "severity none")),
        ({"severity": "CRIT"}, ("P1", "severity crit")),
        ({"severity": "SEV-1"}, ("P1", "severity sev-1")),
        ({"severity": "page"}, ("P1", "severity page")),
        ({"severity": "Disaster"}, ("P1", "severity disaster")),
        ({"severity": "major"}, ("P2", "severity major")),
        ({"severity": "UNKNOWN"}, ("P2", "severity unknown")),
        ({"severity": "Not classified"}, ("P3", "severity not classified")),
        ({"severity": "ticket"}, ("P3", "severity ticket")),
        ({"severity": "p5"}, ("P4", "severity p5")),
        ({"severity": "OK"}, ("P4", "severity ok")),
        ({"severity": "blocker"}, ("P2", 'severity "blocker" is not known: at least P2')),
        ({"severity": " "}, ("P3", "default")),
        ({}, ("P3", "default")),
        ({"priority": "p2", "severity": "critical"}, ("P2", "label priority=P2")),
        ({"priority": "urgent", "severity": "critical"}, ("P1", "severity critical")),
        ({"priority": "P5"}, ("P3", "default")),
    ],
)
def test_defaults(labels: dict[str, str], outcome: tuple[str, str]) -> None:
    subject = classifier()
    assert subject.classify(labels, {}) == outcome
    assert subject.classify(labels, {}) == outcome


def test_own_severities_add_to_the_usual_ones() -> None:
    subject = classifier(severities={"Page": "P1", "warning": "P4"}, default="P4")
    assert subject.classify({"severity": "page"}, {})[0] == "P1"
    assert subject.classify({"severity": "warning"}, {})[0] == "P4"
    assert subject.classify({"severity": "error"}, {})[0] == "P2"
    assert subject.classify({}, {}) == ("P4", "default")


def test_an_own_word_counts_in_all_its_forms_and_the_default_is_for_none() -> None:
    subject = classifier(severities={"Show-Stopper": "P1", "warning": "P2"}, default="P4")
    assert subject.classify({"severity": "show stopper"}, {})[0] == "P1"
    # A synonym of what was replaced is replaced with it.
    assert subject.classify({"severity": "warn"}, {}) == ("P2", "severity warn")
    assert subject.classify({"severity": "blocker"}, {})[0] == "P2"
    assert classifier(default="P1").classify({"severity": "blocker"}, {})[0] == "P1"
    assert subject.knows("SHOW_STOPPER")
    assert subject.knows("")
    assert not subject.knows("blocker")


def test_a_long_unknown_word_is_cut_in_the_reason() -> None:
    priority, reason = classifier().classify({"severity": "x" * 5_000}, {})
    assert priority == "P2"
    assert len(reason) < 100


def test_every_known_word_is_one_of_the_usual_severities() -> None:
    assert set(WORDS.values()) == set(USUAL_SEVERITIES)
    assert all(plain_word(word) == word for word in WORDS)
    assert severity_label(canonical("EMERG")) == "critical"
    assert severity_label(canonical("blocker")) == "other"


RULES = [
    {
        "name": "checkout down",
        "matchers": ["service=checkout"],
        "when": "value > 0.05",
        "priority": "P1",
    },
    {"matchers": ["service=checkout"], "priority": "P2"},
    {"name": "storm", "when": "group_size >= 10", "priority": "p1"},
]


@pytest.mark.parametrize(
    ("labels", "annotations", "size", "outcome"),
    [
        ({"service": "checkout"}, {"value": "0.07"}, 1, ("P1", "rule 'checkout down'")),
        ({"service": "checkout"}, {"value": "0.05"}, 1, ("P2", "rule 2")),
        ({"service": "checkout"}, {}, 1, ("P2", "rule 2")),
        ({"service": "checkout", "priority": "P4"}, {}, 1, ("P2", "rule 2")),
        ({"service": "other", "severity": "info"}, {}, 10, ("P1", "rule 'storm'")),
        ({"service": "other", "severity": "info"}, {}, 9, ("P4", "severity info")),
    ],
)
def test_the_first_rule_that_holds_wins(
    labels: dict[str, str], annotations: dict[str, str], size: int, outcome: tuple[str, str]
) -> None:
    assert classifier(rules=RULES).classify(labels, annotations, size) == outcome


def test_says_whether_the_group_size_matters() -> None:
    assert classifier(rules=RULES).uses_group_size
    assert not classifier(rules=RULES[:2]).uses_group_size
    assert not classifier().uses_group_size


def test_made_up_severities_do_not_fill_the_memory() -> None:
    subject = classifier()
    for number in range(10_000):
        assert subject.classify({"severity": f"made up {number}"}, {})[0] == "P2"
    assert len(subject._known) < 5_000


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("value > 0.05", "0.07", True),
        ("value > 0.05", "7%", True),
        ("value > 0.05", "4.9 %", False),
        ("value>5%", "0.07", True),
        ("value > 1000", "1.2e3", True),
        ("value > 1000", "+Inf", True),
        ("value >= 5", "5", True),
        ("value < 5", "-7.5", True),
        ("value <= 5", "5.01", False),
        ("value == 0", " 0.0 ", True),
        ("value != 0", "1", True),
        ("value != 0", "NaN", False),
        ("value > 0", "NaN", False),
        ("value < 1", "nan%", False),
        ("value != 0", "lots", False),
        ("value != 0", "", False),
    ],
)
def test_conditions(text: str, value: str, *, holds: bool) -> None:
    assert Condition(text).holds({}, {"value": value}, 1) is holds
    assert Condition(text).holds({"value": value}, {}, 1) is holds


def test_the_annotation_comes_before_the_label() -> None:
    assert not Condition("value > 5").holds({"value": "9"}, {"value": "1"}, 1)


@pytest.mark.parametrize(
    "text", ["", "value", "value > ", "value > x", "value => 5", "> 5", "v > nan"]
)
def test_bad_conditions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a condition"):
        Condition(text)


@given(st.text(), st.text(), st.integers(1, 20))
def test_whatever_the_labels_hold_there_is_a_priority(label: str, value: str, size: int) -> None:
    subject = classifier(rules=RULES)
    labels = {"service": "checkout", "severity": label, "priority": label}
    priority, reason = subject.classify(labels, {"value": value}, size)
    assert priority == ("P1" if read_number(value) > 0.05 else "P2")
    assert reason.startswith("rule ")
    assert classifier().classify(labels, {})[0] in ("P1", "P2", "P3", "P4")


@given(st.floats(allow_nan=False))
def test_every_float_is_read_back(number: float) -> None:
    assert read_number(repr(number)) == number
    assert math.isnan(read_number(f"{number} things"))
