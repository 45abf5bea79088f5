"""One thing that was looked at, and how many of them are said to people and to programs."""

import shutil
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import click
import msgspec

from receiver.text.visible import plain

State = Literal["ok", "warning", "failed", "unknown", "skipped"]
STATES: tuple[State, ...] = ("ok", "warning", "failed", "unknown", "skipped")
EXIT_CODES: dict[State, int] = {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}
"""Those of a Nagios plugin (nagios-plugins.org, "Plugin Return Codes")."""
_WORST: tuple[State, ...] = ("failed", "warning", "unknown")
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "unknown": "magenta"}
_NAME = 26
_WIDEST = 100


class Finding(msgspec.Struct, frozen=True):
    """``found`` is what was measured, ``limit`` where it would be wrong, ``advice`` what to do.

    ``skipped`` was not asked for and changes no exit code; ``unknown`` was, and cannot be said.
    """

    area: str
    name: str
    state: State
    found: str
    limit: str = ""
    advice: str = ""


def judged(  # noqa: PLR0913 - a measurement and its two bounds
    area: str,
    name: str,
    value: float,
    found: str,
    *,
    warn: float | None = None,
    fail: float | None = None,
    limit: str = "",
    advice: str = "",
) -> Finding:
    """Return the finding of a value that is better the smaller it is; a bound itself is well."""
    state: State = "ok"
    if warn is not None and value > warn:
        state = "warning"
    if fail is not None and value > fail:
        state = "failed"
    return Finding(area, name, state, found, limit, "" if state == "ok" else advice)


def worst(findings: Iterable[Finding]) -> State:
    """Return the state of all together: failed, else warning, else unknown, else ok."""
    states = {finding.state for finding in findings}
    return next((state for state in _WORST if state in states), "ok")


def summary(findings: list[Finding]) -> dict[str, int]:
    """Return how many findings there are of each state."""
    return {state: sum(finding.state == state for finding in findings) for state in STATES}


def to_json(findings: list[Finding], **more: Any) -> dict[str, Any]:
    """Return findings for programs."""
    return {
        "status": worst(findings),
        "exit_code": EXIT_CODES[worst(findings)],
        "at": datetime.now(UTC).isoformat(timespec="seconds")[:-6] + "Z",
        **more,
        "summary": summary(findings),
        "checks": [msgspec.to_builtins(finding) for finding in findings],
    }


def show(findings: list[Finding]) -> None:
    """Print findings for people: one line each, a second one with what to do."""
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            click.echo(f"\n{plain(area)}" if finding is not findings[0] else plain(area))
        _show(finding)
    counts = summary(findings)
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    click.echo(f"\n{worst(findings).upper()}: {told or 'nothing was looked at'}")


def _show(finding: Finding) -> None:
    word = finding.state if finding.state in ("ok", "skipped") else finding.state.upper()
    mark = click.style(f"{word:<8}", fg=_COLOURS.get(finding.state))
    limit = f" (limit: {finding.limit})" if finding.limit and finding.state != "ok" else ""
    lines = wrapped(f"{finding.found}{limit}")
    if finding.advice:
        first, *rest = wrapped(finding.advice, 3)
        lines += [f"-> {first}", *(f"   {line}" for line in rest)]
    name = plain(finding.name)
    if len(name) > _NAME:
        click.echo(f"  {mark} {name}")
        lines.insert(0, "")
    else:
        click.echo(f"  {mark} {name:<{_NAME}} {lines[0]}".rstrip())
    for line in lines[1:]:
        click.echo(f"{'':<{_NAME + 12}}{line}")


def wrapped(text: str, indent: int = 0) -> list[str]:
    """Return a text in lines that fit beside a name."""
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) - _NAME - 12 - indent
    return textwrap.wrap(plain(text), max(30, width), break_on_hyphens=False) or [""]
