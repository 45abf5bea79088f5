"""A decision in the making: what it will be is read as a value, and what changes is typed."""

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from routing.decision import Draft
from routing.group import Group
from routing.incident import Incident
from routing.incident_changes import Changes
from routing.vocabulary import Kind, Reason, Timer

COUNTED = {"id", "schema", "version", "updated_at", "entries"}
"""What only the end of a draft changes, or nothing."""


def incident() -> Incident:
    return Incident(id="0-1", group=Group("", "im", "g"), state="triggered", version=3)


def test_changes_are_the_fields_of_an_incident() -> None:
    fields = get_type_hints(Incident)
    assert get_type_hints(Changes) == {
        name: kind for name, kind in fields.items() if name not in COUNTED
    }


def test_what_it_will_be_is_read_and_what_it_was_stays() -> None:
    start = incident()
    draft = Draft(start, start, 5)
    draft.set(title="Disk full", priority="P1")
    draft.timer(Timer.ESCALATE, 9)
    assert (draft.incident.title, draft.incident.lane) == ("Disk full", "urgent")
    assert draft.incident.timers == {"escalate": 9}
    assert start == incident()
    assert draft.incident is not start


def test_the_end_of_a_draft_is_the_next_version() -> None:
    start = incident()
    draft = Draft(start, start, 5)
    draft.set(title="Disk full")
    draft.say(Kind.NOTE, "a line")
    decision = draft.done(Reason.NOTED)
    made = decision.incident
    assert made is not None
    assert (made.version, made.updated_at, made.entries, made.title) == (4, 5, 1, "Disk full")
    draft.set(title="afterwards")
    assert made.title == "Disk full"


def test_what_is_the_same_as_before_changes_nothing() -> None:
    start = incident()
    draft = Draft(start, start, 5)
    draft.set(title="")
    draft.bring_up_to_date(priority="P4")
    draft.stop(Timer.ESCALATE)
    decision = draft.done(Reason.UNCHANGED)
    assert not decision.changed
    assert decision.incident is start


def test_a_timer_that_is_set_and_stopped_leaves_nothing_to_do() -> None:
    start = incident()
    draft = Draft(start, start, 5)
    draft.timer(Timer.ESCALATE, 9)
    draft.stop(Timer.ESCALATE)
    assert (draft.incident.timers, draft.schedule, draft.cancel) == ({}, {}, {"escalate"})
    draft.timer(Timer.ESCALATE, 12)
    assert (draft.schedule, draft.cancel) == ({"escalate": 12}, set())


@pytest.mark.slow
def test_the_type_checker_sees_fields_and_their_types(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    lines = (
        "draft.set(acknowledgd_at=5)",
        'draft.set(opened_at="five")',
        "x: int = draft.incident.title",
    )
    wrong.write_text(
        "from routing.decision import Draft\n\n\ndef change(draft: Draft) -> None:\n"
        + "".join(f"    {line}\n" for line in lines)
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(wrong)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line.split(":")[1] for line in checked.stdout.splitlines() if "error" in line] == [
        "5",
        "6",
        "7",
    ]
