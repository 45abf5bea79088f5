"""Forms of the status page, ready to be sent, and how they are."""

import email.utils
import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
from aiohttp import web

from receiver.http.asked.etag import is_known
from receiver.templates import render
from receiver.web.status_page.feed import Site, feed_of
from receiver.web.status_page.uptime import shown_percent, words_of
from routing.status_rule import IMPACT_WORDS

EVERY_S = 5.0
"""The page is made anew so often at least; another replica's changes show no later."""
COMMON = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Which server this is, in which version, is nobody's business.
    "Server": "status",
}
_CACHED = COMMON | {
    "Cache-Control": f"public, max-age={EVERY_S:.0f}, stale-if-error=86400",
    "Vary": "Accept-Encoding",
}
_WORDS = {**IMPACT_WORDS, "no_data": "no data", "maintenance": "under maintenance"}


class Document(msgspec.Struct, frozen=True):
    """One form of the page, ready to be sent; ``made_at`` in ms."""

    body: bytes
    packed: bytes
    etag: str
    content_type: str
    made_at: int


def page_documents(
    shown: Mapping[str, Any], known: Mapping[str, Document], now: int, base: str, site: Site
) -> dict[str, Document]:
    """Return the forms of the page; those that are as they were are the ones ``known``.

    ``base`` and ``site``: see ``feed_of``.
    """
    rows = {
        component["name"]: {
            "bars": _bars(component["uptime"]),
            "words": words_of(component["uptime"], _WORDS),
            "percent": (
                "no data yet"
                if component["uptime"]["percent"] is None
                else shown_percent(component["uptime"]["percent"])
            ),
        }
        for component in shown["components"]
    }
    page = render("status/page.html.j2", page=shown, words=_WORDS, rows=rows)
    data = json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
    feed = feed_of(shown, base, site, IMPACT_WORDS)
    made = {
        "html": document(page.encode(), "text/html", now),
        "json": document(data.encode(), "application/json", now),
        "atom": document(feed, "application/atom+xml", now),
    }
    return {
        name: known[name] if name in known and known[name].etag == one.etag else one
        for name, one in made.items()
    }


def _bars(uptime: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Return (place, status, words) of each bar; without words where there is nothing to say."""
    told = {one["day"]: one for one in uptime["outages"]}
    first = date.fromisoformat(uptime["first_day"])
    found = []
    for place, status in enumerate(uptime["days"]):
        words = ""
        if status != "operational":
            name = (first + timedelta(days=place)).isoformat()
            words = f"{name}: {_WORDS.get(status, status)}"
            seconds = told.get(name, {}).get("seconds", 0)
            if seconds:
                words = f"{words}, {_length(seconds)}"
        found.append((place, status, words))
    return found


def _length(seconds: int) -> str:
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def incident_documents(shown: Mapping[str, Any], now: int) -> dict[str, Document]:
    """Return the forms of the page of one incident."""
    page = render("status/incident.html.j2", page=shown, notice=shown["incident"], words=_WORDS)
    data = json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
    return {
        "html": document(page.encode(), "text/html", now),
        "json": document(data.encode(), "application/json", now),
    }


def document(body: bytes, content_type: str, now: int) -> Document:
    """Return a form that is ready to be sent."""
    etag = f'W/"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    return Document(body, gzip.compress(body, mtime=0), etag, content_type, now)


def answer(request: web.Request, found: Document) -> web.Response:
    """Return a form as an answer: nothing where whoever asks has it already."""
    modified = email.utils.formatdate(found.made_at // 1000, usegmt=True)
    headers = _CACHED | {"ETag": found.etag, "Last-Modified": modified}
    if is_known(request, found.etag) or _is_newer(request, found):
        return web.Response(status=304, headers=headers)
    body = found.body
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body = found.packed
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        body=body, content_type=found.content_type, charset="utf-8", headers=headers
    )


def _is_newer(request: web.Request, found: Document) -> bool:
    """Return whether whoever asks has it by its time; an ETag that is sent counts alone."""
    if "If-None-Match" in request.headers:
        return False
    since = request.if_modified_since
    return since is not None and int(since.timestamp()) >= found.made_at // 1000


def unknown_yet() -> web.HTTPException:
    """Return what whoever asks is told before anything is known."""
    text = "The status is not known yet: try again in a moment.\n"
    headers = COMMON | {"Cache-Control": "no-store", "Retry-After": f"{EVERY_S:.0f}"}
    return web.HTTPServiceUnavailable(text=text, headers=headers)
