"""Alerts that fire in several open incidents of one cluster: they came by more than one way.

A ``continue`` in Alertmanager brings one alert by two routes. And when somebody changes routes or
``group_by`` there while it fires, it comes in another group from then on, and nothing is ever said
of the old one again.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from receiver.aio.spared import Spared
from receiver.http.parameters import check_parameters
from receiver.http.routes import Who, serves
from receiver.store.incidents import IncidentStore
from receiver.text.times import rfc3339
from routing.alert import Alert
from routing.incident import Incident

FRESH_S = 30.0
"""How old the look at all open incidents may be; many become stale at the same moment."""
REST = 20
"""After a look that took long there is none for this many times as long."""
CHUNK = 100
SHOWN = 100

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

    async def pairs(self) -> list[Shared]:
        """Return the incidents that share alerts, those that share most first."""
        found: dict[tuple[Home, ...], list[str]] = {}
        for (_, fingerprint), homes in (await self._homes()).items():
            found.setdefault(homes, []).append(fingerprint)
        names = await self._names({homes: keys[0] for homes, keys in found.items()})
        shared = [Shared(homes, len(keys), names[homes]) for homes, keys in found.items()]
        return sorted(shared, key=lambda one: (-one.number, one.homes[0].id))

    async def _homes(self) -> dict[Key, tuple[Home, ...]]:
        return await self._looked.get(max(FRESH_S, REST * self._took))

    async def _names(self, keys: Mapping[tuple[Home, ...], str]) -> dict[tuple[Home, ...], str]:
        """Return the name of one alert of each."""
        read = await self._store.read({homes[0].id for homes in keys})
        names: dict[tuple[Home, ...], str] = {}
        for homes, key in keys.items():
            incident = read.get(homes[0].id)
            alert = incident.alerts.get(key) if incident is not None else None
            names[homes] = alert.labels.get("alertname", "alert") if alert is not None else "alert"
        return names

    async def _look(self) -> dict[Key, tuple[Home, ...]]:
        """Go through all that is open; return the alerts that fire in more than one incident."""
        began = time.monotonic()
        ids: dict[Key, list[str]] = {}
        kept: dict[str, Incident] = {}
        for chunk in _chunks(sorted(await self._store.lists.open_ids())):
            for incident in (await self._store.read(chunk)).values():
                if _counts(incident):
                    # Of an incident only what is shown is kept: there may be very many.
                    kept[incident.id] = msgspec.structs.replace(incident, alerts={}, suppressed={})
                    for alert in incident.firing():
                        if alert.fingerprint not in incident.vanished:
                            key = (incident.group.cluster, alert.fingerprint)
                            ids.setdefault(key, []).append(incident.id)
        several = {key: names for key, names in ids.items() if len(names) > 1}
        homes: dict[str, Home] = {}
        for name in {name for names in several.values() for name in names}:
            incident = kept[name]
            homes[name] = _home(incident, await self._store.last_seen(incident))
        self._took = time.monotonic() - began
        return {
            key: tuple(sorted((homes[name] for name in names), key=lambda home: home.opened_at))
            for key, names in several.items()
        }


class SharedAlertsEndpoint:
    """``/v1/shared-alerts``."""

    def __init__(self, shared: SharedAlerts) -> None:
        self._shared = shared

    @serves("GET", "/v1/shared-alerts", Who.VIEWER)
    async def listed(self, request: web.Request) -> web.Response:
        """GET /v1/shared-alerts: open incidents that share alerts, 100 groups of them at most."""
        check_parameters(request)
        found = await self._shared.pairs()
        body = {"shared_alerts": [_shown(one) for one in found[:SHOWN]], "total": len(found)}
        return web.json_response(body)


def _shown(shared: Shared) -> dict[str, Any]:
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
