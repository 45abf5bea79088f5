"""What is stored and cannot be read, listed and thrown away."""

from aiohttp import web

from receiver.engine.damaged import DamagedRecords
from receiver.errors import PayloadError
from receiver.http.asked.parameters import read_one
from receiver.http.asked.spec import Parameter, Spec
from receiver.http.routes import Who, serves
from receiver.problem import problem
from receiver.store.repair.register import Found, Register
from receiver.text.times import rfc3339
from receiver.web.answer_shapes import DamagedEntry, DamagedList, Discarded

LISTED = 1_000
PLACE = Parameter("place", "one of those that GET /v1/damaged lists", needed=True)


DISCARD = Spec({200: Discarded}, (PLACE,), problems=(404,))


class DamagedEndpoint:
    """``/v1/damaged``."""

    def __init__(self, register: Register, damaged: DamagedRecords) -> None:
        self._register = register
        self._damaged = damaged

    @serves("GET", "/v1/damaged", Who.VIEWER, spec=Spec({200: DamagedList}))
    async def listed(self, _request: web.Request) -> web.Response:
        """GET /v1/damaged: what cannot be read and was put aside, the latest first."""
        entries = await self._register.listed()
        return web.json_response(
            {"damaged": [_shown(entry) for entry in entries[:LISTED]], "total": len(entries)}
        )

    @serves("DELETE", "/v1/damaged", Who.ADMIN, spec=DISCARD)
    async def discard(self, request: web.Request) -> web.Response:
        """DELETE /v1/damaged?place=: drop what was kept of one; 404 for what is not listed."""
        place = read_one(request, "place")
        if not place:
            raise PayloadError("is missing: one of those that GET /v1/damaged lists", "place")
        for entry in await self._register.listed():
            if entry.place == place:
                await self._register.discard(entry)
                await self._damaged.look()
                return web.json_response({"result": "discarded", "damaged": _shown(entry)})
        return problem(404, "there is no such place: see GET /v1/damaged", place="place")


def _shown(entry: Found) -> DamagedEntry:
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
