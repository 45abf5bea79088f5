import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from receiver.cli.root import main

BERLIN = ("--time-zone", "Europe/Berlin", "--country", "DE", "--subdivision", "BE")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", "deadline", *arguments])


def test_shows_every_step() -> None:
    result = _run("--within", "8 business hours", "--at", "2026-04-02T15:00", *BERLIN)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "8 business hours, calendar given inline (Europe/Berlin)",
        "  started Thu 2026-04-02 15:00 CEST (open until 17:00): 2h counted, 6h left",
        (
            "  Fri 2026-04-03 to Mon 2026-04-06: 4 days closed"
            " (holiday: Karfreitag, Saturday, Sunday, holiday: Ostermontag)"
        ),
        "  Tue 2026-04-07 09:00 CEST-17:00: 6h counted, nothing left",
        "  due Tue 2026-04-07 15:00 CEST (13:00 UTC)",
        "  which is 5d after the start",
    ]


@pytest.mark.parametrize(
    "at", ["2026-04-02T15:00", "2026-04-02 15:00", "2026-04-02T13:00:00Z", "2026-04-02T15:00+02:00"]
)
def test_prints_json_for_programs(at: str) -> None:
    result = _run("--within", "next business day", "--at", at, "-o", "json", *BERLIN)
    assert result.exit_code == 0, result.output
    body = json.loads(result.output)
    assert body["start"] == "2026-04-02T13:00:00.000Z"
    assert body["due"] == "2026-04-07T15:00:00.000Z"
    assert body["due_local"] == "2026-04-07T17:00:00+02:00"
    assert body["elapsed_ms"] == (5 * 24 + 2) * 3_600_000
    assert (body["within"], body["time_zone"]) == ("1 business day", "Europe/Berlin")
    assert body["steps"][0]["at"] == body["start"]
    assert body["steps"][-1] == {
        "at": body["due"],
        "text": "due Tue 2026-04-07 17:00 CEST (15:00 UTC)",
    }


def test_an_offset_tells_which_of_two_equal_wall_times_is_meant() -> None:
    zone = ("--time-zone", "Europe/Berlin", "-o", "json")
    first = _run("--within", "1h", "--at", "2026-10-25T02:30", *zone)
    second = _run("--within", "1h", "--at", "2026-10-25T02:30+01:00", *zone)
    assert json.loads(first.output)["start"] == "2026-10-25T00:30:00.000Z"
    assert json.loads(second.output)["start"] == "2026-10-25T01:30:00.000Z"


def test_hours_inline() -> None:
    lunch = ("--hours", "09:00-12:00", "--hours", "13:00-18:00")
    result = _run("--within", "4 business hours", "--at", "2026-06-01T11:00", *lunch)
    assert result.output.splitlines()[-2] == "  due Mon 2026-06-01 16:00 UTC"


def test_starts_now_unless_told() -> None:
    result = _run("--within", "5m", "-o", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["elapsed_ms"] == 300_000


def test_the_epoch_is_a_time_too() -> None:
    result = _run("--within", "5m", "--at", "1970-01-01T00:00", "-o", "json")
    assert json.loads(result.output)["start"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--within", "8 hours"), "8 business hours"),
        (("--within", "5m", "--at", "tomorrow"), "is no time"),
        (("--within", "5m", "--time-zone", "berlin"), "did you mean Europe/Berlin?"),
        (("--within", "5m", "--hours", "22:00-06:00"), "cross midnight"),
        (("--within", "5m", "--country", "XX"), "no holidays are known"),
        (("--within", "5m", "--subdivision", "BE"), "--subdivision needs --country"),
        (("--within", "5m", "--priority", "P1"), "either --within or --priority"),
        (("--within", "5m", "--priority", "P5"), "'P5' is not one of"),
        (("--within", "1000 business days", "--at", "9998-12-01"), "years 1 to 9999"),
        (("--within", "10000 business hours", "--hours", "09:00-09:30"), "within 10 years"),
    ],
)
def test_says_what_is_wrong(arguments: tuple[str, ...], words: str) -> None:
    result = _run(*arguments)
    assert result.exit_code in (1, 2)
    assert words in result.output


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    result = _run("--priority", "P3", "--config.file", str(tmp_path / "none.yml"))
    assert result.exit_code == 1
    assert "none.yml" in result.output


CONFIGURED = """
calendars:
  berlin: {time_zone: Europe/Berlin, holidays: {country: DE}}
priorities:
  P3: {calendar: berlin}
route:
  routes:
    - name: shop
      matchers: ['system="shop"']
      priorities: {P3: {resolve_within: 2 business hours}}
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--priority", "P3", "--clock", "resolve"), "8 business hours, calendar berlin"),
        (("--priority", "p3", "--clock", "resolve", "--route", "shop"), "2 business hours"),
        (("--priority", "P4"), "1 business day, calendar default"),
        (("--within", "5m", "--calendar", "berlin"), "5m, calendar berlin (Europe/Berlin)"),
        (("--within", "5m", "--calendar", "office"), "no calendar 'office' is configured"),
        (("--priority", "P3", "--route", "pay"), "no route 'pay' is configured"),
        (("--priority", "P3", "--clock", "update"), "P3 has no update deadline"),
        ((), "give either --within or --priority"),
    ],
)
def test_deadlines_of_the_configuration(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "im.yml"
    file.write_text(CONFIGURED)
    at = ("--at", "2026-03-27T16:30", "--config.file", str(file))
    result = CliRunner().invoke(main, ["explain", "deadline", *arguments, *at])
    assert said in result.output


CLOCKS_CHANGE = """
calendars:
  default: {time_zone: Europe/London, hours: "08:30-17:30", holidays: {country: GB}}
  night: {time_zone: America/New_York, hours: "00:00-06:00", days: [sun]}
priorities: {P3: {acknowledge_within: 1 business hour, resolve_within: 8 business hours}}
route: {routes: [{name: night, matchers: ['site="night"'], calendar: night}]}
"""


@pytest.mark.parametrize(
    ("clock", "at", "due"),
    [
        # 30 minutes on Friday; the clocks go back on Sunday, so Monday's 09:00 is UTC's too.
        (("acknowledge",), "2026-10-23T17:00", "due Mon 2026-10-26 09:00 GMT (09:00 UTC)"),
        # The Sunday on which the clocks go forward has 5 of the 6 hours: 3 are left for the next.
        (
            ("resolve", "--route", "night"),
            "2027-03-13T20:00",
            "due Sun 2027-03-21 03:00 EDT (07:00 UTC)",
        ),
    ],
)
def test_business_hours_over_a_change_of_the_clocks(
    tmp_path: Path, clock: tuple[str, ...], at: str, due: str
) -> None:
    file = tmp_path / "im.yml"
    file.write_text(CLOCKS_CHANGE)
    result = _run("--config.file", str(file), "--priority", "P3", "--clock", *clock, "--at", at)
    assert result.exit_code == 0, result.output
    assert due in [line.strip() for line in result.output.splitlines()]
