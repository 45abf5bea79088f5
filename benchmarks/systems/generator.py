"""The monitored systems as Prometheus sees them: an endpoint a job, with series that move."""

import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec
from aiohttp import web

from routing.duration import parse_duration
from systems.model import Alert, System
from systems.rules import full_series, rules_file
from tests.support.rig import free_port

_PART = re.compile(r"(-?[\d.]+)(?:([+-][\d.]+))?(?:x(\d+))?")
_GROWS = re.compile(r"\b(?:i?rate|increase|resets)\((\w+)")
_NAMES = re.compile(r"[a-zA-Z_][a-zA-Z0-9_:]*")
_OWN = re.compile(r',?(?:job|instance)="[^"]*"')


def value_at(values: str, minutes: float) -> float:
    """Return what a series of promtool's notation is after so many steps, between them too.

    After its end it goes on as it did.
    """
    found = 0.0
    parts = values.split()
    for number, part in enumerate(parts, 1):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{values!r} is no series")
        start, step, count = float(match[1]), float(match[2] or 0), int(match[3] or 0)
        found = start + step * minutes
        if minutes <= count or number == len(parts):
            return found
        minutes -= count + 1
    return found


class Series(msgspec.Struct, frozen=True):
    """A series of a job: its values while its alert fires, and while all is well ("": not there).

    ``past``: minutes of it before ``began``. ``counter``: it goes on from where it is.
    """

    name: str
    labels: str
    fires: str
    quiet: str
    past: float
    counter: bool


class Generator:
    """Serves ``/JOB``; while alerts fire, a job whose series say ``up 0`` does not answer.

    Of two alerts that say something of one series the first is believed.
    """

    def __init__(self, alerts: Iterable[tuple[System, Alert]]) -> None:
        self._series: dict[str, list[Series]] = {}
        self._down: set[str] = set()
        self._calm = False
        self._since = 0.0
        self._bases: dict[Series, float] = {}
        self._known: dict[str, set[tuple[str, str]]] = {}
        for system, alert in alerts:
            job = alert.job or system.job
            known = counters(system)
            both = (
                _by_name(system, alert, lines) for lines in (alert.fires, alert.ends or alert.quiet)
            )
            fires, quiet = both
            for key in fires | quiet:
                name, labels = key
                if name == "up":
                    self._down.add(job)
                    continue
                if key in self._known.setdefault(job, set()):
                    continue
                self._known[job].add(key)
                made = Series(
                    name,
                    labels,
                    fires.get(key, ""),
                    quiet.get(key, ""),
                    _past(alert),
                    name in known,
                )
                self._series.setdefault(job, []).append(made)
        for job in self._down:
            self._series.setdefault(job, [])
        self.began = time.time()
        self.address = ""

    @property
    def jobs(self) -> list[str]:
        """The jobs that are scraped."""
        return sorted(self._series)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Generator"]:
        """Serve, from the first minute on, or from the end of what is past."""
        application = web.Application()
        application.router.add_get("/{job}", self._metrics)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.address = f"127.0.0.1:{port}"
        self.began = time.time()
        try:
            yield self
        finally:
            await runner.cleanup()

    def past(self) -> Iterator[tuple[str, str, float]]:
        """Yield (series as it is scraped, its values, minutes of it before ``began``)."""
        for job, several in self._series.items():
            for one in several:
                scraped = f'job="{job}",instance="{self.address}"'
                labels = ",".join(filter(None, (one.labels, scraped)))
                if one.fires:
                    yield f"{one.name}{{{labels}}}", one.fires, one.past

    def turn(self, *, calm: bool) -> None:
        """Go on with the values of what is well, or of what fires."""
        now = time.time() - self.began
        every = [one for several in self._series.values() for one in several]
        self._bases = {
            one: self._value(one, now) or self._bases.get(one, 0.0) for one in every if one.counter
        }
        self._calm, self._since = calm, now

    def _value(self, one: Series, minutes: float) -> float | None:
        values = one.quiet if self._calm else one.fires
        if not values:
            return None
        # What has a past goes on in it; the rest begins anew at each turn.
        since = self._since + one.past if one.past else 0.0
        now = minutes + one.past if one.past else minutes - self._since
        found = value_at(values, now)
        if not one.counter or one not in self._bases:
            return found
        return self._bases[one] + found - value_at(values, since)

    async def _metrics(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        if job in self._down and not self._calm:
            return web.Response(status=503)
        minutes = time.time() - self.began
        values = ((one, self._value(one, minutes)) for one in self._series.get(job, []))
        lines = [
            f"{one.name}{{{one.labels}}} {value}" for one, value in values if value is not None
        ]
        return web.Response(text="\n".join(lines) + "\n")


def counters(system: System) -> set[str]:
    """Return the metrics whose growth the rules of a system ask for."""
    return set(_GROWS.findall(rules_file(system)))


def _by_name(system: System, alert: Alert, lines: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return (name, labels without job and instance) -> values."""
    found = {}
    for line in lines:
        series, values = full_series(system, alert, line)
        name, _, labels = series.partition("{")
        found[name, _OWN.sub("", labels.rstrip("}")).strip(",")] = values
    return found


def _past(alert: Alert) -> float:
    return parse_duration(alert.history) / 60_000 if alert.history else 0.0


def rounds(systems: Iterable[System]) -> list[list[tuple[System, Alert]]]:
    """Return the alerts in rounds within which no two say different things of a metric.

    Those that look back at hours or weeks come last, in rounds of their own.
    """
    every = [(system, alert) for system in systems for alert in system.alerts]
    plain = [pair for pair in every if not pair[1].history]
    return _rounds(plain) + _rounds(pair for pair in every if pair[1].history)


def _rounds(pairs: Iterable[tuple[System, Alert]]) -> list[list[tuple[System, Alert]]]:
    found: list[list[tuple[System, Alert, set[str], set[str]]]] = []
    for system, alert in pairs:
        job = alert.job or system.job
        lines = (*alert.fires, *(alert.ends or alert.quiet))
        made = {f"{job}:{line.partition(' ')[0].partition('{')[0]}" for line in lines}
        # A rule that reads what another alert's series say must not meet them.
        asked = {f"{job}:{name}" for name in _NAMES.findall(alert.expr)} | made
        if f"{job}:up" in made:
            made, asked = made | {f"{job}:"}, asked | {f"{job}:"}
        for members in found:
            if not any(_clash(job, made, asked, member) for member in members):
                members.append((system, alert, made, asked))
                break
        else:
            found.append([(system, alert, made, asked)])
    return [[(system, alert) for system, alert, _, _ in members] for members in found]


def _clash(
    job: str, made: set[str], asked: set[str], other: tuple[System, Alert, set[str], set[str]]
) -> bool:
    system, alert, theirs, read = other
    same = job == (alert.job or system.job)
    down = same and (f"{job}:" in made or f"{job}:" in theirs)
    return down or bool(made & read) or bool(theirs & asked)


def longest(members: Iterable[tuple[System, Alert]]) -> float:
    """Return how many seconds the slowest alert of a round may take, with some to spare."""
    return max(
        parse_duration(alert.at or alert.span) / 60_000 - _past(alert) for _, alert in members
    )
