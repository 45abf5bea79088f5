"""One line a thing, and an exit code."""

import json
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from receiver.cli.checks.destinations import run_checks
from receiver.notify.notifier import Check


def run(*checks: Check, output: str = "simple", error: str = "") -> Result:
    @click.command
    @click.pass_context
    def command(context: click.Context) -> None:
        async def look(tell: Callable[[Check], None]) -> None:
            for one in checks:
                tell(one)
            if error:
                raise click.ClickException(error)

        run_checks(context, output, look)

    return CliRunner().invoke(command)


OK, WARNING = Check("token", "ok", "bot x"), Check("webhook", "warning", "not set")
MISSING = Check("scope chat:write", "missing", "")


@pytest.mark.parametrize(
    ("checks", "lines", "code"),
    [
        ((), ["nothing is missing"], 0),
        ((OK,), ["ok       token: bot x", "nothing is missing"], 0),
        ((WARNING,), ["warning  webhook: not set", "nothing is missing"], 0),
        ((OK, MISSING), ["ok       token: bot x", "MISSING  scope chat:write"], 1),
    ],
)
def test_lines_for_people(checks: tuple[Check, ...], lines: list[str], code: int) -> None:
    result = run(*checks)
    assert (result.output.splitlines(), result.exit_code) == (lines, code)


@pytest.mark.parametrize(
    ("checks", "complete"), [((), True), ((WARNING, OK), True), ((MISSING, OK), False)]
)
def test_json_for_programs(checks: tuple[Check, ...], *, complete: bool) -> None:
    result = run(*checks, output="json")
    body = json.loads(result.output)
    assert body["complete"] is complete
    assert result.exit_code == (0 if complete else 1)
    assert [one["what"] for one in body["checks"]] == [one.what for one in checks]
    assert all(one.keys() == {"what", "state", "words"} for one in body["checks"])


def test_what_others_say_cannot_write_into_the_terminal() -> None:
    hostile = Check("channel \x1b[2J#a", "ok", "\u202eevil\nok       forged: line")
    lines = run(hostile).output.splitlines()
    assert len(lines) == 2
    assert not {"\x1b", "\u202e"} & set("".join(lines))
    assert json.loads(run(hostile, output="json").output)["checks"][0]["what"] == hostile.what


def test_what_was_seen_before_an_error_is_told() -> None:
    result = run(OK, error="it broke")
    assert result.exit_code == 1
    assert result.output.splitlines() == ["ok       token: bot x", "Error: it broke"]


def test_five_hundred_are_five_hundred_lines() -> None:
    result = run(*(Check(f"user {n}", "ok", "") for n in range(500)))
    assert len(result.output.splitlines()) == 501
