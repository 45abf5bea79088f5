"""The monitored systems as Prometheus sees them: an endpoint a job, with series that move."""

import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator

from aiohttp import web

from routing.duration import parse_duration
from systems.model import Alert, System
from systems.rules import full_series
from tests.rig import free_port

_PART = re.compile(r"(-?[\d.]+)(?:([+-][\d.]+))?(?:x(\d+))?")
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


class Generator:
    """Serves ``/JOB``; a job whose series say ``up 0`` does not answer."""

    def __init__(self, alerts: Iterable[tuple[System, Alert]]) -> None:
        self._series: dict[str, list[tuple[str, str, str, float]]] = {}
        self.down: set[str] = set()
        for system, alert in alerts:
            job = alert.job or system.job
            for line in alert.fires:
                series, values = full_series(system, alert, line)
                name, _, labels = series.partition("{")
                own = _OWN.sub("", labels.rstrip("}")).strip(",")
                if name == "up":
                    self.down.add(job)
                self._series.setdefault(job, []).append((name, own, values, _past(alert)))
        self.began = time.time()
        self.address = ""

    @property
    def jobs(self) -> list[str]:
        """The jobs that have series."""
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
        for job, series in self._series.items():
            for name, labels, values, past in series:
                scraped = f'job="{job}",instance="{self.address}"'
                yield f"{name}{{{','.join(filter(None, (labels, scraped)))}}}", values, past

    async def _metrics(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        if job in self.down:
            return web.Response(status=503)
        minutes = time.time() - self.began
        lines = [
            f"{name}{{{labels}}} {value_at(values, minutes + past)}"
            for name, labels, values, past in self._series.get(job, [])
        ]
        return web.Response(text="\n".join(lines) + "\n")


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
    found: list[tuple[set[tuple[str, str]], list[tuple[System, Alert]]]] = []
    for system, alert in pairs:
        job = alert.job or system.job
        names = {(job, line.partition(" ")[0].partition("{")[0]) for line in alert.fires}
        if (job, "up") in names:
            names = {(job, "*")}
        for taken, members in found:
            clash = taken & names or (job, "*") in taken
            if not clash and not ((job, "*") in names and any(of == job for of, _ in taken)):
                taken.update(names)
                members.append((system, alert))
                break
        else:
            found.append((set(names), [(system, alert)]))
    return [members for _, members in found]


def longest(members: Iterable[tuple[System, Alert]]) -> float:
    """Return how many seconds the slowest alert of a round may take, with some to spare."""
    return max(
        parse_duration(alert.at or alert.span) / 60_000 - _past(alert) for _, alert in members
    )
