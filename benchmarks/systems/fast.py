"""Rules whose minutes are seconds: the same expressions on a clock that runs 60 times as fast."""

import re
from datetime import UTC, datetime, timedelta

from routing.duration import parse_duration
from systems.model import System
from systems.rules import rules_file

FACTOR = 60
_SPAN = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]\b")
_SUBQUERY = re.compile(r"\[(\d+[smhd]):(\d+[smhd])\]")
_RATE = re.compile(r"\brate\(([^()]*\[[^\]]*\](?: offset \w+)?)\)")
_CLOCK = re.compile(r"\b(hour|day_of_week)\(\)")
_FOR = re.compile(r"^(\s+(?:for|interval): )(\S+)$", re.MULTILINE)


def fast_rules(system: System) -> str:
    """Return the rules of a system with every duration a sixtieth, and rates as they were.

    What is true in working hours alone is asked as if it were Monday morning.
    """
    text = rules_file(system)
    # A counter that grows as much in a second as it did in a minute has 60 times the rate.
    text = _RATE.sub(rf"(rate(\1) / {FACTOR})", text)
    text = _CLOCK.sub(rf"\1(vector(time() + {_to_working_hours():.0f}))", text)
    text = _SPAN.sub(lambda found: _fast(found[0]), text)
    return _FOR.sub(lambda found: found[1] + _fast(found[2]), text)


def fast_query(expression: str) -> str:
    """Return a query with every range, step and offset a sixtieth."""
    text = _SUBQUERY.sub(lambda found: f"[{_fast(found[1])}:{_fast(found[2])}]", expression)
    return _SPAN.sub(lambda found: _fast(found[0]), text)


def _to_working_hours() -> float:
    now = datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=10, minute=0, second=0)
    return (monday - now).total_seconds()


def _fast(span: str) -> str:
    return f"{max(1, parse_duration(span) // FACTOR)}ms"
