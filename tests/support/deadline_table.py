"""Deadlines worked out by hand, with a paper calendar and the published dates of clock changes.

The values are literals on purpose: nothing here may be computed by what it is there to check.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """What starts at ``start`` and may take ``within`` is due at ``due`` (ISO 8601, with offset).

    ``calendar`` holds the arguments of a ``CalendarConfig``.
    """

    calendar: Mapping[str, Any]
    within: str
    start: str
    due: str
    note: str


ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ALWAYS = {"hours": "00:00-24:00", "days": ALL_DAYS}

BERLIN = {"time_zone": "Europe/Berlin", "holidays": {"country": "DE", "subdivision": "BE"}}
GERMANY = {"time_zone": "Europe/Berlin", "holidays": {"country": "DE"}}
BERLIN_LUNCH = {**BERLIN, "hours": ["09:00-12:00", "13:00-18:00"]}
BERLIN_OWN = {
    **BERLIN,
    "closed": {"2026-06-05": "Betriebsausflug"},
    "open": {"2026-05-01": None, "2026-06-06": None, "2026-12-24": "09:00-12:00"},
}
BERLIN_ALWAYS = {"time_zone": "Europe/Berlin", **ALWAYS}
NEW_YORK = {"time_zone": "America/New_York", "holidays": {"country": "US"}}
NEW_YORK_ALWAYS = {"time_zone": "America/New_York", **ALWAYS}
KOLKATA = {
    "time_zone": "Asia/Kolkata",
    "hours": "09:30-18:30",
    "days": ["mon", "tue", "wed", "thu", "fri", "sat"],
    "holidays": {"country": "IN"},
}
LORD_HOWE = {"time_zone": "Australia/Lord_Howe"}
LORD_HOWE_ALWAYS = {"time_zone": "Australia/Lord_Howe", **ALWAYS}
TWO_DAYS = {"hours": {"mon": "08:00-20:00", "fri": "08:00-12:00"}}


def _sundays(zone: str, hours: str) -> dict[str, Any]:
    return {"time_zone": zone, "hours": {"sun": hours}}


_BERLIN = [
    Row(
        BERLIN,
        "8 business hours",
        "2026-03-27T16:30+01:00",
        "2026-03-30T16:30+02:00",
        "30m on Friday; the clocks go forward at the weekend, 7h30m on Monday",
    ),
    Row(
        BERLIN,
        "8 business hours",
        "2026-10-23T16:30+02:00",
        "2026-10-26T16:30+01:00",
        "the clocks go back at the weekend",
    ),
    Row(
        BERLIN,
        "next business day",
        "2026-03-27T16:30+01:00",
        "2026-03-30T17:00+02:00",
        "Friday to Monday's closing, in summer time",
    ),
    Row(
        BERLIN,
        "5 business days",
        "2026-10-23T09:00+02:00",
        "2026-10-30T17:00+01:00",
        "Friday to Friday, into winter time",
    ),
    Row(
        BERLIN,
        "8 business hours",
        "2026-04-02T15:00+02:00",
        "2026-04-07T15:00+02:00",
        "2h, then Karfreitag, weekend and Ostermontag, then 6h",
    ),
    Row(
        BERLIN,
        "next business day",
        "2026-04-02T10:00+02:00",
        "2026-04-07T17:00+02:00",
        "the day after Easter",
    ),
    Row(
        BERLIN,
        "next business day",
        "2027-03-05T12:00+01:00",
        "2027-03-09T17:00+01:00",
        "Monday is Frauentag in Berlin",
    ),
    Row(
        GERMANY,
        "next business day",
        "2027-03-05T12:00+01:00",
        "2027-03-08T17:00+01:00",
        "Frauentag is no holiday of the whole country",
    ),
    Row(
        BERLIN,
        "5 business days",
        "2026-12-22T16:30+01:00",
        "2026-12-30T17:00+01:00",
        "23, 24, then Christmas on a Friday and Saturday, 28, 29, 30",
    ),
    Row(
        BERLIN,
        "8 business hours",
        "2026-12-31T15:00+01:00",
        "2027-01-04T15:00+01:00",
        "2h, Neujahr on a Friday, weekend, 6h",
    ),
    Row(
        BERLIN,
        "8 business hours",
        "2028-02-28T14:00+01:00",
        "2028-02-29T14:00+01:00",
        "3h, then 5h on the leap day",
    ),
    Row(
        BERLIN,
        "2 business days",
        "2028-02-28T10:00+01:00",
        "2028-03-01T17:00+01:00",
        "leap day, then the first of March",
    ),
    Row(
        BERLIN,
        "1d",
        "2028-02-28T12:00+01:00",
        "2028-02-29T12:00+01:00",
        "elapsed, to the leap day",
    ),
    Row(
        BERLIN,
        "1d",
        "2026-03-28T12:00+01:00",
        "2026-03-29T13:00+02:00",
        "elapsed: 24 hours over a day of 23",
    ),
    Row(
        BERLIN,
        "1d",
        "2026-10-24T12:00+02:00",
        "2026-10-25T11:00+01:00",
        "elapsed: 24 hours over a day of 25",
    ),
    Row(BERLIN, "5m", "2026-06-06T23:58+02:00", "2026-06-07T00:03+02:00", "elapsed at a weekend"),
    Row(
        BERLIN,
        "8 business hours",
        "2026-06-01T09:00+02:00",
        "2026-06-01T17:00+02:00",
        "from the opening to the closing, not to the next opening",
    ),
    Row(
        BERLIN,
        "1 business hour",
        "2026-06-01T17:00+02:00",
        "2026-06-02T10:00+02:00",
        "started exactly at closing",
    ),
    Row(
        BERLIN,
        "30 business minutes",
        "2026-06-02T06:15+02:00",
        "2026-06-02T09:30+02:00",
        "started before the opening",
    ),
    Row(
        BERLIN,
        "1h30m business time",
        "2026-06-01T16:59+02:00",
        "2026-06-02T10:29+02:00",
        "one minute before closing",
    ),
    Row(
        BERLIN,
        "next business day",
        "2026-06-01T20:00+02:00",
        "2026-06-02T17:00+02:00",
        "after closing it is still the same day",
    ),
    Row(
        BERLIN,
        "1 business day",
        "2026-06-01T07:00+02:00",
        "2026-06-02T17:00+02:00",
        "before the opening the day of the start does not count either",
    ),
    Row(
        BERLIN,
        "next business day",
        "2026-06-06T12:00+02:00",
        "2026-06-08T17:00+02:00",
        "started on a Saturday: Monday is the first",
    ),
    Row(
        BERLIN,
        "next business day",
        "2026-05-01T10:00+02:00",
        "2026-05-04T17:00+02:00",
        "started on a holiday before a weekend",
    ),
    Row(
        BERLIN,
        "1 business hour",
        "2026-05-01T10:00+02:00",
        "2026-05-04T10:00+02:00",
        "nothing counts on a holiday",
    ),
]

_BERLIN_OTHER_HOURS = [
    Row(
        BERLIN_ALWAYS,
        "24 business hours",
        "2026-03-29T00:00+01:00",
        "2026-03-30T01:00+02:00",
        "a working day of 23 hours, and one more",
    ),
    Row(
        BERLIN_ALWAYS,
        "24 business hours",
        "2026-10-25T00:00+02:00",
        "2026-10-25T23:00+01:00",
        "a working day of 25 hours",
    ),
    Row(
        BERLIN_ALWAYS,
        "next business day",
        "2026-03-28T13:00+01:00",
        "2026-03-30T00:00+02:00",
        "open until 24:00: the midnight after Sunday",
    ),
    Row(
        _sundays("Europe/Berlin", "02:30-05:00"),
        "2 business hours",
        "2026-03-29T00:00+01:00",
        "2026-03-29T05:00+02:00",
        "02:30 does not exist: open from 03:00, all of 2h",
    ),
    Row(
        _sundays("Europe/Berlin", "02:30-05:00"),
        "3 business hours",
        "2026-10-25T00:00+02:00",
        "2026-10-25T04:30+01:00",
        "02:30 comes twice: open from the first",
    ),
    Row(
        _sundays("Europe/Berlin", "02:00-03:00"),
        "next business day",
        "2026-03-28T12:00+01:00",
        "2026-04-05T03:00+02:00",
        "the only hour of that Sunday does not exist, so the one after it counts",
    ),
    Row(
        _sundays("Europe/Berlin", "01:00-02:30"),
        "2 business hours",
        "2026-10-25T00:00+02:00",
        "2026-11-01T01:30+01:00",
        "open until the first 02:30: 1h30m, and 30m a week later",
    ),
    Row(
        BERLIN_LUNCH,
        "8 business hours",
        "2026-06-01T11:30+02:00",
        "2026-06-02T11:30+02:00",
        "30m, lunch, 5h, night, 2h30m",
    ),
    Row(
        BERLIN_LUNCH,
        "3 business hours",
        "2026-06-01T12:15+02:00",
        "2026-06-01T16:00+02:00",
        "started during lunch",
    ),
    Row(
        BERLIN_LUNCH,
        "3 business hours",
        "2026-06-01T09:00+02:00",
        "2026-06-01T12:00+02:00",
        "due when lunch begins",
    ),
    Row(
        BERLIN_LUNCH,
        "next business day",
        "2026-06-01T12:00+02:00",
        "2026-06-02T18:00+02:00",
        "the last closing of the day counts, not lunch",
    ),
    Row(
        BERLIN_OWN,
        "8 business hours",
        "2026-06-04T13:00+02:00",
        "2026-06-06T13:00+02:00",
        "an own closed Friday and an extra Saturday",
    ),
    Row(
        BERLIN_OWN,
        "next business day",
        "2026-06-04T13:00+02:00",
        "2026-06-06T17:00+02:00",
        "the extra Saturday is the next working day",
    ),
    Row(
        BERLIN_OWN,
        "next business day",
        "2026-12-23T10:00+01:00",
        "2026-12-24T12:00+01:00",
        "a short day of its own hours",
    ),
    Row(
        BERLIN_OWN,
        "next business day",
        "2026-04-30T10:00+02:00",
        "2026-05-01T17:00+02:00",
        "an extra working date wins over the holiday",
    ),
    Row(
        TWO_DAYS,
        "10 business hours",
        "2026-06-05T11:00+00:00",
        "2026-06-08T17:00+00:00",
        "hours of their own for Friday and Monday",
    ),
]

_NEW_YORK = [
    Row(
        NEW_YORK,
        "8 business hours",
        "2026-03-06T16:00-05:00",
        "2026-03-09T16:00-04:00",
        "clocks forward at the weekend",
    ),
    Row(
        NEW_YORK,
        "8 business hours",
        "2026-10-30T16:00-04:00",
        "2026-11-02T16:00-05:00",
        "clocks back at the weekend",
    ),
    Row(
        NEW_YORK,
        "1d",
        "2026-03-07T12:00-05:00",
        "2026-03-08T13:00-04:00",
        "elapsed over 23 hours",
    ),
    Row(
        NEW_YORK,
        "1d",
        "2026-10-31T12:00-04:00",
        "2026-11-01T11:00-05:00",
        "elapsed over 25 hours",
    ),
    Row(
        NEW_YORK_ALWAYS,
        "24 business hours",
        "2026-03-08T00:00-05:00",
        "2026-03-09T01:00-04:00",
        "a working day of 23 hours",
    ),
    Row(
        NEW_YORK_ALWAYS,
        "24 business hours",
        "2026-11-01T00:00-04:00",
        "2026-11-01T23:00-05:00",
        "a working day of 25 hours in New York",
    ),
    Row(
        NEW_YORK,
        "next business day",
        "2026-11-25T10:00-05:00",
        "2026-11-27T17:00-05:00",
        "Thanksgiving in between; the Friday after it is a working day",
    ),
    Row(
        NEW_YORK,
        "next business day",
        "2026-07-02T10:00-04:00",
        "2026-07-06T17:00-04:00",
        "4 July on a Saturday is observed on the Friday",
    ),
    Row(
        NEW_YORK,
        "next business day",
        "2027-12-30T10:00-05:00",
        "2028-01-03T17:00-05:00",
        "New Year's Day of 2028, a Saturday, is observed in 2027",
    ),
    Row(
        NEW_YORK,
        "8 business hours",
        "2028-02-28T13:00-05:00",
        "2028-02-29T13:00-05:00",
        "into the leap day of New York",
    ),
    Row(
        NEW_YORK,
        "5 business days",
        "2028-02-22T10:00-05:00",
        "2028-02-29T17:00-05:00",
        "Tuesday to the leap day, a Tuesday",
    ),
    Row(
        NEW_YORK,
        "next business day",
        "2026-06-02T02:00+00:00",
        "2026-06-02T17:00-04:00",
        "in New York it was still Monday",
    ),
]

_KOLKATA = [
    Row(
        KOLKATA,
        "8 business hours",
        "2026-01-23T17:30+05:30",
        "2026-01-24T16:30+05:30",
        "1h on Friday, 7h on a working Saturday",
    ),
    Row(
        KOLKATA,
        "next business day",
        "2026-01-24T12:00+05:30",
        "2026-01-27T18:30+05:30",
        "Sunday, Republic Day on Monday",
    ),
    Row(
        KOLKATA,
        "1 business hour",
        "2026-08-15T10:00+05:30",
        "2026-08-17T10:30+05:30",
        "Independence Day on a working Saturday",
    ),
    Row(
        KOLKATA,
        "2 business days",
        "2026-10-01T12:00+05:30",
        "2026-10-05T18:30+05:30",
        "Gandhi's birthday on Friday, then Saturday and Monday",
    ),
    Row(
        KOLKATA,
        "1 business hour",
        "2026-12-31T18:00+05:30",
        "2027-01-01T10:00+05:30",
        "the first of January is an ordinary working day",
    ),
    Row(
        KOLKATA,
        "9 business hours",
        "2028-02-29T09:30+05:30",
        "2028-02-29T18:30+05:30",
        "all of the leap day",
    ),
    Row(
        KOLKATA,
        "next business day",
        "2026-01-22T20:00+00:00",
        "2026-01-24T18:30+05:30",
        "in India it was Friday already",
    ),
    Row(
        KOLKATA,
        "1d",
        "2026-03-29T00:00+05:30",
        "2026-03-30T00:00+05:30",
        "clocks never change here",
    ),
]

_LORD_HOWE = [
    Row(
        LORD_HOWE,
        "8 business hours",
        "2026-04-03T16:00+11:00",
        "2026-04-06T16:00+10:30",
        "clocks back by half an hour at the weekend",
    ),
    Row(
        LORD_HOWE,
        "8 business hours",
        "2026-10-02T16:00+10:30",
        "2026-10-05T16:00+11:00",
        "clocks forward by half an hour at the weekend",
    ),
    Row(
        LORD_HOWE,
        "next business day",
        "2026-10-02T16:00+10:30",
        "2026-10-05T17:00+11:00",
        "to Monday's closing",
    ),
    Row(
        LORD_HOWE,
        "1d",
        "2026-04-04T12:00+11:00",
        "2026-04-05T11:30+10:30",
        "elapsed over a day of 24h30m",
    ),
    Row(
        LORD_HOWE,
        "1d",
        "2026-10-03T12:00+10:30",
        "2026-10-04T12:30+11:00",
        "elapsed over a day of 23h30m",
    ),
    Row(
        LORD_HOWE_ALWAYS,
        "24 business hours",
        "2026-04-05T00:00+11:00",
        "2026-04-05T23:30+10:30",
        "a working day of 24h30m",
    ),
    Row(
        LORD_HOWE_ALWAYS,
        "24 business hours",
        "2026-10-04T00:00+10:30",
        "2026-10-05T00:30+11:00",
        "a working day of 23h30m",
    ),
    Row(
        _sundays("Australia/Lord_Howe", "02:15-04:00"),
        "1 business hour",
        "2026-10-04T00:00+10:30",
        "2026-10-04T03:30+11:00",
        "02:15 does not exist: open from 02:30",
    ),
    Row(
        _sundays("Australia/Lord_Howe", "01:45-04:00"),
        "1 business hour",
        "2026-04-05T00:00+11:00",
        "2026-04-05T02:15+10:30",
        "01:45 comes twice: open from the first",
    ),
    Row(
        LORD_HOWE,
        "8 business hours",
        "2028-02-28T13:00+11:00",
        "2028-02-29T13:00+11:00",
        "into the leap day on Lord Howe",
    ),
    Row(
        LORD_HOWE,
        "2 business hours",
        "2026-12-31T16:00+11:00",
        "2027-01-01T10:00+11:00",
        "over the year's end, without holidays",
    ),
]

ROWS: list[Row] = [*_BERLIN, *_BERLIN_OTHER_HOURS, *_NEW_YORK, *_KOLKATA, *_LORD_HOWE]
