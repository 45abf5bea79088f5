"""Alerts that fire in several open incidents of one cluster: they came by more than one way.

A ``continue`` in Alertmanager brings one alert by two routes. And when somebody changes routes or
``group_by`` there while it fires, it comes in another group from then on, and nothing is ever said
of the old one again.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import msgspec
from aiohttp import web

from receiver.aio.off_the_loop import READ_SLICE_S, Slices, read_off_the_loop
from receiver.aio.spared import Spared
from receiver.http.answers import json_answer
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.store.incidents import IncidentStore
from receiver.text.times import rfc3339
from receiver.web.answer_shapes import SharedList, SharedShape
from routing.alert import Alert
from routing.incident import Incident

FRESH_S = 30.0
"""How old the look at all open incidents may be; many become stale at the same moment."""
REST = 20
"""After a look that took long there is none for this many times as long."""
CHUNK = 64
SHOWN = 100
PARTS = 100

Key = tuple[str, str]
"""(cluster, fingerprint)"""


class Home(msgspec.Struct, frozen=True):
    """An open incident in which an alert fires; ``seen_at``: when it was last reported (ms)."""

    id: str
    priority: str
    title: str
    opened_at: int
    seen_at: int
    stale: bool


class Shared(msgspec.Struct, frozen=True):
    """Incidents, the oldest first, that share ``number`` alerts, ``name`` among them."""

    homes: tuple[Home, ...]
    number: int
    name: str


class SharedAlerts:
    """Looks for them among all that is open."""

    def __init__(self, store: IncidentStore, stale_after: int) -> None:
        """``stale_after`` (ms): before that nothing is asked; 0: never."""
        self._store = store
        self._stale_after = stale_after
        self._looked = Spared(self._look)
        self._took = 0.0

    async def elsewhere(self, incident: Incident, seen_at: int, now: int) -> dict[str, str]:
        """Return fingerprint -> the other incident, of alerts that are reported there by now.

        Only of an incident that nobody reports any more: last seen ``seen_at`` (ms). The other one
        was reported later, is not stale itself, and is at least as urgent as the alert, so that
        nobody is left unpaged. StoreUnavailableError.
        """
        seen = max(seen_at, incident.seen_at)
        firing = incident.firing()
        if not self._stale_after or seen + self._stale_after > now or not firing:
            return {}
        homes = await self._homes()
        found: dict[str, str] = {}
        for alert in firing:
            known = homes.get((incident.group.cluster, alert.fingerprint), ())
            others = [home for home in known if _goes_on(home, incident, alert, seen)]
            if others:
                best = min(others, key=lambda home: (home.priority, -home.seen_at))
                found[alert.fingerprint] = best.id
        return found

    async def most(self, number: int) -> tuple[list[Shared], int]:
        """Return the ``number`` groups of incidents that share most alerts, and how many groups."""
        homes = await self._homes()
        ranked = await read_off_the_loop(lambda: _ranked(homes))
        first = ranked[:number]
        read = await self._store.read({where[0].id for where, _ in first})
        return [
            Shared(where, len(keys), _name_of(read.get(where[0].id), keys[0]))
            for where, keys in first
        ], len(ranked)

    async def _homes(self) -> dict[Key, tuple[Home, ...]]:
        return await self._looked.get(max(FRESH_S, REST * self._took))

    async def _look(self) -> dict[Key, tuple[Home, ...]]:
        """Go through all that is open; return the alerts that fire in more than one incident."""
        began = time.monotonic()
        several = await self._several()
        homes: dict[str, Home] = {}
        names = {name for where in several.values() for name in where}
        for chunk in _chunks(list(names)):
            for name, incident in (await self._store.read(chunk)).items():
                if _counts(incident):
                    homes[name] = _home(incident, await self._store.last_seen(incident))
        self._took = time.monotonic() - began
        return await read_off_the_loop(lambda: _at_home(several, homes))

    async def _several(self) -> dict[Key, set[str]]:
        """Return the incidents of each alert that fires in more than one of them."""
        # There may be very many: of those that fire in one alone two texts are kept, in parts, as a
        # large mapping takes some ms to grow.
        first: list[dict[str, str]] = [{} for _ in range(PARTS)]
        several: dict[Key, set[str]] = {}
        slices = Slices(READ_SLICE_S)
        async for chunk in self._open():
            for name, incident in (await self._store.read(chunk)).items():
                for key in _keys(incident):
                    text = "\x00".join(key)
                    known = first[hash(text) % PARTS].setdefault(text, name)
                    # A scan may come by the same one twice.
                    if known != name:
                        several.setdefault(key, {known}).add(name)
                await slices.end_piece()
        for part in first:
            part.clear()
            await slices.end_piece()
        return several

    async def _open(self) -> AsyncIterator[list[str]]:
        """Yield the ids of all that is open."""
        for keys in self._store.keys:
            async for part in self._store.lists.scan(keys):
                for chunk in _chunks(list(part)):
                    yield chunk


class SharedAlertsEndpoint:
    """``/v1/shared-alerts``."""

    def __init__(self, shared: SharedAlerts) -> None:
        self._shared = shared

    @serves("GET", "/v1/shared-alerts", Who.VIEWER, spec=Spec({200: SharedList}))
    async def listed(self, _request: web.Request) -> web.Response:
        """GET /v1/shared-alerts: open incidents that share alerts, 100 groups of them at most."""
        found, total = await self._shared.most(SHOWN)
        return await read_off_the_loop(
            lambda: json_answer({"shared_alerts": [_shown(one) for one in found], "total": total})
        )


def _at_home(
    several: Mapping[Key, set[str]], homes: Mapping[str, Home]
) -> dict[Key, tuple[Home, ...]]:
    """Return the incidents of each alert, the oldest first; some may have ended meanwhile."""
    found: dict[Key, tuple[Home, ...]] = {}
    for key, names in several.items():
        known = [homes[name] for name in names if name in homes]
        if len(known) > 1:
            found[key] = tuple(sorted(known, key=lambda home: (home.opened_at, home.id)))
    return found


def _ranked(homes: Mapping[Key, tuple[Home, ...]]) -> list[tuple[tuple[Home, ...], list[str]]]:
    """Return incidents with the fingerprints that they share, those that share most first."""
    found: dict[tuple[Home, ...], list[str]] = {}
    for (_, fingerprint), where in homes.items():
        found.setdefault(where, []).append(fingerprint)
    return sorted(found.items(), key=lambda one: (-len(one[1]), one[0][0].id))


def _name_of(incident: Incident | None, fingerprint: str) -> str:
    alert = incident.alerts.get(fingerprint) if incident is not None else None
    return alert.labels.get("alertname", "alert") if alert is not None else "alert"


def _shown(shared: Shared) -> SharedShape:
    return {
        "alerts": shared.number,
        "alertname": shared.name,
        "incidents": [
            {
                "id": home.id,
                "priority": home.priority,
                "title": home.title,
                "opened_at": rfc3339(home.opened_at),
            }
            for home in shared.homes
        ],
    }


def _keys(incident: Incident) -> Iterator[Key]:
    """Yield the alerts that fire in an incident, if it counts."""
    for alert in incident.firing() if _counts(incident) else ():
        if alert.fingerprint not in incident.vanished:
            yield incident.group.cluster, alert.fingerprint


def _counts(incident: Incident) -> bool:
    whole = incident.kind == "alert" and incident.damage is None and incident.state != "newer"
    return whole and incident.is_open and not incident.merged_into


def _home(incident: Incident, seen_at: int) -> Home:
    return Home(
        incident.id,
        incident.priority,
        incident.title,
        incident.opened_at,
        max(seen_at, incident.seen_at),
        bool(incident.stale_at),
    )


def _goes_on(home: Home, incident: Incident, alert: Alert, seen: int) -> bool:
    other = home.id != incident.id and not home.stale
    return other and home.seen_at > seen and home.priority <= alert.priority


def _chunks(names: list[str]) -> Iterable[list[str]]:
    return (names[at : at + CHUNK] for at in range(0, len(names), CHUNK))
