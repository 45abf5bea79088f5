"""Alerts of one signal with different limits: their order, their tests, and who quiets whom."""

import re
from typing import Any

from routing.duration import format_duration, parse_duration
from systems.model import Alert, Ladder, System

MINUTE_MS = 60_000
SETTLE_MINUTES = 8
"""How long after ``for`` a value is held: rates are over five minutes."""
_SERIES = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<values>.+)")


def series_of(job: str, line: str) -> tuple[str, str]:
    """Return (series, values) of a line, with the job and an instance."""
    found = _SERIES.fullmatch(line)
    if found is None:
        raise ValueError(f"{line!r} is no series")
    own = f"{found['labels']}," if found["labels"] else ""
    return f'{found["name"]}{{{own}job="{job}",instance="a:9090"}}', found["values"]


def in_order(system: System) -> list[Alert]:
    """Return the alerts in the order they are evaluated in: of a signal the most urgent first.

    So Alertmanager hears of the end of the more urgent one first, and when both end at once the
    resolve of the milder one is not lost to the inhibition.
    """
    names = [alert.alert for alert in system.alerts]
    alerts = dict(zip(names, system.alerts, strict=True))
    ordered: dict[str, None] = {}
    for name in names:
        ladder = next((one for one in system.ladders if name in one.alerts), None)
        ordered |= dict.fromkeys([*reversed(ladder.alerts)] if ladder else [name])
    return [alerts[name] for name in ordered]


def inhibitions(systems: list[System]) -> list[dict[str, Any]]:
    """Return Alertmanager's rules by which the more urgent alert of a signal quiets the milder.

    ``equal`` takes two missing labels for the same, so that the source must have each.
    """
    return [
        {
            "source_matchers": [
                f'system="{system.system}"',
                f'alertname="{name}"',
                *(f'{label}!=""' for label in ("job", *ladder.by)),
            ],
            "target_matchers": [
                f'system="{system.system}"',
                f'alertname=~"{"|".join(ladder.alerts[:number])}"',
            ],
            "equal": ["cluster", "job", *ladder.by],
        }
        for system in systems
        for ladder in system.ladders
        for number, name in enumerate(ladder.alerts)
        if number
    ]


def ladder_tests(system: System) -> list[dict[str, Any]]:
    """Return promtool's tests: each signal rises, falls, and swings around each limit."""
    made = []
    for ladder in system.ladders:
        top = len(ladder.alerts)
        made.append(_test(system, ladder, "rises", list(range(top + 1))))
        made.append(_test(system, ladder, "falls", list(range(top, -1, -1))))
        for number in range(1, top):
            name = f"swings around the limit of {ladder.alerts[number]}"
            made.append(_test(system, ladder, name, _swing(system, ladder, number)))
    return made


def _swing(system: System, ladder: Ladder, number: int) -> list[int]:
    """Return levels, a minute each, that go to and fro around the limit of an alert."""
    return [number, number + 1] * _hold(system, ladder)


def _hold(system: System, ladder: Ladder) -> int:
    """Return for how many minutes a value is held."""
    if ladder.hold:
        return parse_duration(ladder.hold) // MINUTE_MS
    spans = [parse_duration(one.span) for one in system.alerts if one.alert in ladder.alerts]
    return max(spans) // MINUTE_MS + SETTLE_MINUTES


def _test(system: System, ladder: Ladder, what: str, levels: list[int]) -> dict[str, Any]:
    hold = _hold(system, ladder)
    swings = what.startswith("swings")
    step = 1 if swings else hold
    wanted = _always(system, ladder, levels, hold, step)
    if not swings:
        wanted += [
            _fires(system, ladder, (number + 1) * hold - 1, ladder.alerts[:level])
            for number, level in enumerate(levels)
        ]
    lines = [_values(line, levels, step) for line in ladder.series]
    return {
        "name": f"{ladder.signal} {what}",
        "interval": "1m",
        "input_series": [
            dict(zip(("series", "values"), series_of(system.job, line), strict=True))
            for line in lines
        ],
        "promql_expr_test": wanted,
    }


def _selector(system: System, ladder: Ladder, more: str = "") -> str:
    """Return what selects the firing alerts of a ladder: with each label the inhibition needs."""
    there = "".join(f', {label}!=""' for label in ("job", *ladder.by))
    which = f'alertstate="firing", system="{system.system}", signal="{ladder.signal}"'
    return f"ALERTS{{{which}{there}{more}}}"


def _fires(system: System, ladder: Ladder, minute: int, names: list[str]) -> dict[str, Any]:
    return {
        "expr": f"count by (alertname) ({_selector(system, ladder)})",
        "eval_time": format_duration(minute * MINUTE_MS),
        "exp_samples": [
            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)
        ],
    }


def _always(
    system: System, ladder: Ladder, levels: list[int], hold: int, step: int
) -> list[dict[str, Any]]:
    """Return that the mildest alert that always holds fired without a gap once it had settled."""
    least = min(level for level in levels if level)
    holds = [number for number, level in enumerate(levels) if level >= least]
    begin = holds[0] * step + hold
    end = (holds[-1] + 1) * step - 1
    name = f', alertname="{ladder.alerts[least - 1]}"'
    minutes = end - begin
    return [
        {
            "expr": f"min(count_over_time({_selector(system, ladder, name)}[{minutes}m:1m]))"
            f" >= bool {minutes}",
            "eval_time": format_duration(end * MINUTE_MS),
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
    ]


def _values(line: str, levels: list[int], step: int) -> str:
    """Return a line with the values of its levels, each for ``step`` minutes."""
    name, kind, *given = line.split()
    if kind not in ("gauge", "rate"):
        return line
    parts, total = [], 0.0
    for level in levels:
        value = float(given[level])
        if step == 1 and kind == "gauge":
            parts.append(_number(value))
        elif kind == "gauge":
            parts.append(f"{_number(value)}x{step - 1}")
        else:
            parts.append(
                f"{_number(total)}+{_number(value)}x{step - 1}" if step > 1 else _number(total)
            )
            total += value * step
    return f"{name} {' '.join(parts)}"


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
