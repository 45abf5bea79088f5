"""The page ``/routing``: what labels, or an incident, come to, and why."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.routes import Who, serves
from receiver.routing_json import AlertPlayed, Explanation, HappeningShape
from receiver.store.lists.query import Query
from receiver.store.lists.read import IncidentLists
from receiver.web.console_page import Pages
from receiver.web.console_view import upright
from receiver.web.explain.endpoint import Explain
from routing.duration import format_duration
from routing.incident import Incident
from routing.runbook import is_link

OFFERED = 20
"""Open incidents that are offered to choose from."""
TITLE_MAX = 80
FIELDS = {"labels": 8_000, "incident": 80, "at": 64, "acknowledged_after": 64}
"""What may be asked, and how long it may be."""


class RoutingEndpoint:
    """``/routing``."""

    def __init__(self, explain: Explain, lists: IncidentLists, pages: Pages) -> None:
        self._explain = explain
        self._lists = lists
        self._pages = pages

    @serves("GET", "/routing", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /routing?labels=&incident=&at=&acknowledged_after=: a form, and what it comes to."""
        asked = {name: request.query.get(name, "").strip()[:most] for name, most in FIELDS.items()}
        slip, played, explained = "", None, None
        try:
            if asked["labels"]:
                played = await self._played(asked)
            if asked["incident"]:
                explained = await self._explained(asked["incident"])
        except PayloadError as error:
            slip = error.message
        offered = await self._lists.shown(Query(state="open"), OFFERED, "", _offer)
        values = {
            "asked": asked,
            "slip": slip,
            "open": offered.incidents,
            "played": played,
            "explained": explained,
        }
        status = 400 if slip else 200
        return await self._pages.answer(request, "console/routing.html.j2", values, status=status)

    async def _played(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        lines = [line for line in asked["labels"].splitlines() if line.strip()]
        wanted = self._explain.read(lines, [], asked["at"], asked["acknowledged_after"])
        found: AlertPlayed = await self._explain.alert(wanted)
        routes = [
            one
            | {"happenings": _shown(one["happenings"]), "linked": is_link(one["runbook_url"] or "")}
            for one in found["routes"]
        ]
        return found | {"routes": routes}

    async def _explained(self, name: str) -> Mapping[str, Any]:
        found: Explanation | None = await self._explain.incident(name)
        if found is None:
            raise PayloadError(f"there is no incident {name!r}", "incident")
        alerts = [one | {"title": upright(one["title"])} for one in found["alerts"]]
        told = [one | {"text": upright(one["text"])} for one in found["told"]]
        more = {"alerts": alerts, "told": told, "title": upright(found["title"])}
        linked = is_link(found["runbook_url"] or "")
        return found | more | {"happenings": _shown(found["happenings"]), "linked": linked}


def _shown(rows: list[HappeningShape]) -> list[dict[str, Any]]:
    return [row | {"after": format_duration(int(row["after_seconds"] * 1000))} for row in rows]


def _offer(incident: Incident) -> dict[str, str]:
    title = upright(incident.title)[:TITLE_MAX]
    return {"id": incident.id, "priority": incident.priority, "title": title}
