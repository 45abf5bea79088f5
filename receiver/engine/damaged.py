"""Keeps an eye on what is stored and cannot be read: has it made good, and says that it is there.

What it says comes from the register in Redis, so that every replica says the same.
"""

import asyncio
import logging

from aiohttp import web

from receiver.conditions import Conditions, Subject
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.auth import Access
from receiver.http.parameters import check_parameters, read_one
from receiver.intake.heartbeats import Heartbeats
from receiver.store.repair.healing import Healing
from receiver.store.repair.register import Found, Register
from receiver.text.times import rfc3339

log = logging.getLogger("store")

EVERY_S = 5.0
"""The log and the alert on the gauge are no later; /health and /metrics look anew."""
LISTED = 1_000


class DamagedRecords:
    """The condition, the jobs of ``healing``, and ``/v1/damaged``."""

    def __init__(
        self,
        healing: Healing,
        register: Register,
        conditions: Conditions,
        heartbeats: Heartbeats,
        access: Access,
    ) -> None:
        self._healing = healing
        self._register = register
        self._conditions = conditions
        self._heartbeats = heartbeats
        self._access = access

    async def look(self) -> dict[str, int]:
        """Report what is the case now; return the numbers by kind. StoreUnavailableError."""
        entries = await self._register.listed()
        counts = await self._register.counts()
        words = ""
        if entries:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
            words = (
                f"{len(entries)} stored thing{'s' if len(entries) > 1 else ''} cannot be read "
                f"({kinds}); the latest is {entries[0].key}: see GET /v1/damaged"
            )
        since = entries[-1].at if entries else 0
        self._conditions.report(Subject.DAMAGED_RECORDS, words, since=since)
        return counts

    async def run(self) -> None:
        """Look and heal again and again, for ever."""
        while True:
            try:
                if await self._healing.round():
                    await self._heartbeats.resume()
                    await self._healing.resumed()
                await self.look()
            except StoreUnavailableError as error:
                log.debug("cannot look for damaged records: %s", error)
            except Exception:
                # Whatever it is, to look no more would be worse.
                log.exception("looking for damaged records failed")
            await asyncio.sleep(EVERY_S)

    async def listed(self, request: web.Request) -> web.Response:
        """GET /v1/damaged: what cannot be read and was put aside, the latest first."""
        self._access.check(request)
        check_parameters(request)
        entries = await self._register.listed()
        return web.json_response(
            {"damaged": [_shown(entry) for entry in entries[:LISTED]], "total": len(entries)}
        )

    async def discard(self, request: web.Request) -> web.Response:
        """DELETE /v1/damaged?place=: drop what was kept of one; 404 for what is not listed."""
        self._access.check(request)
        check_parameters(request, ("place",))
        place = read_one(request, "place")
        if not place:
            raise PayloadError("is missing: one of those that GET /v1/damaged lists", "place")
        for entry in await self._register.listed():
            if entry.place == place:
                await self._register.discard(entry)
                await self.look()
                return web.json_response({"result": "discarded", "damaged": _shown(entry)})
        error = {"error": "there is no such place: see GET /v1/damaged", "place": "place"}
        return web.json_response(error, status=404)


def _shown(entry: Found) -> dict[str, object]:
    return {
        "place": entry.place,
        "kind": entry.kind,
        "incident": entry.incident or None,
        "since": rfc3339(entry.at),
        "why": entry.why,
        "size_bytes": entry.size,
        "key": entry.key,
        "kept_in": entry.kept or None,
    }
