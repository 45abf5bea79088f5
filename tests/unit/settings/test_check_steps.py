"""Steps that are due before the one they follow: refused where no order is possible."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from receiver.errors import ConfigError
from receiver.settings.load import read_settings

EARLY = "which has no after and so waits for acknowledge_within"
BOTH = "both would be notified at the same moment"


class Read:
    """What is refused in a configuration, and what is warned of, without the file's name."""

    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "im.yml"
        path.touch(mode=0o600)
        path.write_text(text)
        problems: Sequence[str] = ()
        warnings: Sequence[str] = ()
        try:
            warnings = read_settings(path, {}, {})[1]
        except ConfigError as error:
            problems = error.problems
        self.problems = [one.partition("im.yml:1: ")[2] for one in problems]
        self.warnings = [one.partition("im.yml:1: ")[2] for one in warnings]


def policy(*steps: str, more: str = "") -> str:
    """A policy that only P1 (5m to acknowledge) follows; a step is its ``after``, or nothing."""
    written = ", ".join(
        f"{{notify: [log], after: {one}}}" if one else "{notify: [log]}" for one in steps
    )
    return (
        f"{{escalations: {{own: {{steps: [{written}]}}}},"
        f" priorities: {{P1: {{escalation: own{more}}}}}}}"
    )


@pytest.mark.parametrize(
    "steps",
    [
        ("", ""),
        ("", "10m"),
        ("", "", "5m"),
        ("", "", "20m", ""),
        # A step that waits comes after the one before it, however late that is.
        ("", "1h", ""),
        ("", "1h", "", "2h"),
        ("", "", "", "10m"),
        ("", "1h", "", "1h5m"),
    ],
)
def test_steps_in_order_are_well(tmp_path: Path, steps: tuple[str, ...]) -> None:
    read = Read(tmp_path, policy(*steps))
    assert (read.problems, read.warnings) == ([], [])


@pytest.mark.parametrize(
    ("steps", "number", "words"),
    [
        (("", "", "4m"), 2, f"P1: 4m is before step 2, {EARLY} (5m): {BOTH}"),
        (("", "", "", "9m"), 3, f"P1: 9m is before step 3, {EARLY} (5m)"),
        (("", "10m", "", "14m"), 3, f"P1: 14m is before step 3, {EARLY} (5m)"),
        (("", "20m", "10m"), 2, "10m is before step 2, which is due after 20m"),
    ],
)
def test_a_step_before_the_one_it_follows_is_refused(
    tmp_path: Path, steps: tuple[str, ...], number: int, words: str
) -> None:
    (problem,) = Read(tmp_path, policy(*steps)).problems
    assert problem.startswith(f"escalations.own.steps.{number}.after: {words}")


def test_without_a_deadline_nothing_waits_for_it(tmp_path: Path) -> None:
    read = Read(tmp_path, policy("", "", "4m", more=", acknowledge_within: off"))
    assert (read.problems, read.warnings) == ([], [])


@pytest.mark.parametrize(
    ("within", "after", "early"),
    [
        ("8 business hours", "4h", True),
        # Only for what starts in the evening.
        ("1 business hour", "4h", False),
        ("next business day", "1m", True),
    ],
)
def test_of_business_time_only_what_never_fits_is_said(
    tmp_path: Path, within: str, after: str, early: bool
) -> None:
    more = f", acknowledge_within: {within}, resolve_within: off"
    assert bool(Read(tmp_path, policy("", "", after, more=more)).problems) == early


def test_what_is_early_for_some_priorities_alone_is_a_warning(tmp_path: Path) -> None:
    text = (
        "{escalations: {urgent: {steps: [{notify: [log]}, {notify: [log]},"
        " {notify: [log], after: 10m}]}}}"
    )
    read = Read(tmp_path, text)
    assert read.problems == []
    assert [one for one in read.warnings if ".after: " in one] == [
        f"escalations.urgent.steps.2.after: P2: 10m is before step 2, {EARLY} (15m): {BOTH}"
    ]


def test_a_route_counts_with_what_it_changes(tmp_path: Path) -> None:
    routes = "route: {routes: [{matchers: [a=b], priorities: {P1: {acknowledge_within: 3m}}}]}"
    text = policy("", "", "4m")
    read = Read(tmp_path, f"{text[:-1]}, {routes}}}")
    assert read.problems == []
    (warning,) = read.warnings
    assert warning.startswith("escalations.own.steps.2.after: P1: 4m is before step 2")


def test_a_policy_that_nobody_follows_has_no_deadline(tmp_path: Path) -> None:
    steps = "{notify: [log]}, {notify: [log]}, {notify: [log], after: 1s}"
    text = f"{{escalations: {{own: {{steps: [{steps}]}}}}}}"
    (warning,) = Read(tmp_path, text).warnings
    assert "used by no priority" in warning
