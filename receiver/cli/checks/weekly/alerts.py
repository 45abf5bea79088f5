"""What fired in a week, and what came of it: the noisiest rules first."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from receiver.cli.checks.source import Source
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.prometheus import Reader

STEP_S = 60
"""How finely Prometheus is looked at: what fires for less may not be seen."""
PAGE, PAGES = 1_000, 50
NOISY = 5
_BY = ("alertname", "system", "severity")
_FIRING = 'ALERTS{alertstate="firing"}'


class Rule(msgspec.Struct, frozen=True):
    """One alert. ``fired``: how often it began to fire; ``firing_seconds``: for how long in all.

    ``incidents``: how many it was the reason of; ``taken``: those a person acknowledged or ended.
    None where nobody could be asked.
    """

    alertname: str
    system: str
    severity: str
    fired: Pair
    firing_seconds: float | None
    incidents: int | None
    taken: int | None

    @property
    def is_noise(self) -> bool:
        """Whether it came often and nobody ever did anything."""
        often = max(self.fired.this or 0, self.incidents or 0) >= NOISY
        return often and bool(self.incidents) and not self.taken


class Opened(msgspec.Struct, frozen=True):
    """Incidents by (alertname, system): how many, and how many of them somebody took."""

    number: dict[tuple[str, str], int]
    taken: dict[tuple[str, str], int]
    complete: bool = True


async def read_fired(reader: Reader, week: Week) -> dict[tuple[str, ...], tuple[Pair, float]]:
    """Return (how often it began to fire, seconds it fired) by alert name, system and severity."""
    began = f"({_FIRING} unless {_FIRING} offset {STEP_S}s)"
    found: list[dict[tuple[str, ...], float]] = []
    for one in (week, week.before):
        span = f"[{one.seconds}s:{STEP_S}s]"
        by = f"sum by ({', '.join(_BY)})"
        found.append(await _by_key(reader, f"{by} (count_over_time({began}{span}))", one))
    span = f"[{week.seconds}s:{STEP_S}s]"
    length = f"sum by ({', '.join(_BY)}) (count_over_time({_FIRING}{span})) * {STEP_S}"
    lengths = await _by_key(reader, length, week)
    this, before = found
    return {
        key: (Pair(int(this.get(key, 0)), int(before.get(key, 0))), lengths.get(key, 0.0))
        for key in {**this, **before, **lengths}
    }


async def _by_key(reader: Reader, expression: str, week: Week) -> dict[tuple[str, ...], float]:
    samples = await reader.samples(expression, week)
    return {
        tuple(sample.labels.get(label, "") for label in _BY): sample.value for sample in samples
    }


async def read_opened(service: Source, week: Week) -> Opened:
    """Return the incidents that were opened in a week. SourceError; KeyError for another form."""
    found = Opened({}, {})
    for state in ("open", "closed"):
        cursor = ""
        for _ in range(PAGES):
            params = {"state": state, "limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            body = await service.json("/v1/incidents", params)
            rows = body["incidents"]
            for row in rows:
                _count(row, week, found)
            cursor = body["next"]
            # The last to end first: what is opened in this week cannot have ended before it.
            if not cursor or (state == "closed" and rows and _ended(rows[-1]) < week.start):
                break
        else:
            return msgspec.structs.replace(found, complete=False)
    return found


def _ended(row: dict[str, Any]) -> float:
    return datetime.fromisoformat(row["resolved_at"]).timestamp()


def _count(row: dict[str, Any], week: Week, found: Opened) -> None:
    # By day, as the figures: the service's clock may be a little before ours.
    if week.first <= datetime.fromisoformat(row["opened_at"]).date() <= week.last:
        key = (row["labels"].get("alertname") or row["title"], _system(row))
        found.number[key] = found.number.get(key, 0) + 1
        found.taken[key] = found.taken.get(key, 0) + _is_taken(row)


def _system(row: dict[str, Any]) -> str:
    return str(row["labels"].get("system", ""))


def _is_taken(row: dict[str, Any]) -> bool:
    by = row["resolved_by"]
    return row["acknowledged_at"] is not None or bool(by and by.get("via") not in _BY_ITSELF)


_BY_ITSELF = frozenset({"", "automatic"})


def rules(
    fired: dict[tuple[str, ...], tuple[Pair, float]] | None, opened: Opened | None
) -> list[Rule]:
    """Return every alert that fired or opened an incident, the noisiest first."""
    found: list[Rule] = []
    left = dict(opened.number) if opened else {}
    for (name, system, severity), (times, seconds) in (fired or {}).items():
        key = (name, system)
        number = left.pop(key, 0) if opened else None
        taken = opened.taken.get(key, 0) if opened else None
        found.append(Rule(name, system, severity, times, seconds, number, taken))
    for (name, system), number in left.items():
        taken = opened.taken.get((name, system), 0) if opened else None
        # An alert that Prometheus was not seen to fire came from elsewhere, or was over too soon.
        times = Pair() if fired is None else Pair(0, 0)
        found.append(Rule(name, system, "", times, None if fired is None else 0.0, number, taken))
    return sorted(found, key=_noise)


def _noise(rule: Rule) -> tuple[float, float, str, str]:
    often = rule.fired.this if rule.fired.this is not None else rule.incidents
    return (-(often or 0), -(rule.firing_seconds or 0), rule.alertname, rule.system)


def noise(found: Iterable[Rule]) -> list[Rule]:
    """Return the alerts that should be changed: often there, and never of use."""
    return [rule for rule in found if rule.is_noise]
