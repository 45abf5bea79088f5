"""The Atom feed (RFC 4287) of public incidents: an entry each, under an id that stays.

Written by the standard library: what people wrote is escaped by it, and what XML has no way to say
is left out before.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from markupsafe import escape

ATOM = "http://www.w3.org/2005/Atom"
ENTRIES = 50
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IDS = uuid.UUID("6a1f0a52-7f4e-5d0b-9b5a-2f1c3e7d9a10")
"""Of our own making: ids are made of the public names below it."""


class Site(NamedTuple):
    """``own``: what no other page has, of which the feed's id is made. ``begun``: when it began."""

    own: str = ""
    begun: str = ""


def feed_of(page: Mapping[str, Any], base: str, site: Site, words: Mapping[str, str]) -> bytes:
    """Return the feed of a page.

    ``base``: the address of the page without its path, "" where nobody said it: links are relative
    then.
    """
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")
    told = [*page["incidents"], *page["history"], *page["maintenance"]]
    notices = sorted(told, key=_updated, reverse=True)[:ENTRIES]
    _add(feed, "id", uuid.uuid5(_IDS, site.own).urn)
    _add(feed, "title", page["title"])
    _add(feed, "updated", max([_updated(one) for one in notices], default=site.begun))
    _add(_add(feed, "author"), "name", page["title"])
    _link(feed, "self", f"{base}/status.atom" if base else "status.atom", "application/atom+xml")
    _link(feed, "alternate", f"{base}/status" if base else "status", "text/html")
    for notice in notices:
        if "updates" in notice:
            _entry(feed, notice, words)
        else:
            _planned(feed, notice, f"{base}/status" if base else "status")
    ET.indent(feed)
    written: str = ET.tostring(feed, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}\n'.encode()


def _entry(feed: ET.Element, notice: Mapping[str, Any], words: Mapping[str, str]) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", uuid.uuid5(_IDS, notice["id"]).urn)
    status = notice["status"].capitalize()
    _add(entry, "title", f"{status}: {notice['title']}")
    _add(entry, "published", notice["started_at"])
    _add(entry, "updated", _updated(notice))
    _link(entry, "alternate", notice["url"], "text/html")
    for component in notice["components"]:
        category = _add(entry, "category")
        category.set("term", _clean(component["name"]))
    _add(entry, "content", _content(notice, words)).set("type", "html")


def _planned(feed: ET.Element, one: Mapping[str, Any], page: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", uuid.uuid5(_IDS, f"maintenance {one['id']}").urn)
    status = {"in_progress": "in progress"}.get(one["status"], one["status"])
    _add(entry, "title", f"Maintenance {status}: {one['title']}")
    _add(entry, "published", one["at"])
    _add(entry, "updated", _updated(one))
    _link(entry, "alternate", f"{page}#m{one['id']}", "text/html")
    for name in one["components"]:
        _add(entry, "category").set("term", _clean(name))
    span = f"{_minute(one['start'])} to {_minute(one['end'])}"
    parts = [span, ", ".join(one["components"]), one["text"]]
    content = "".join(f"<p>{_lines(part)}</p>" for part in parts if part)
    _add(entry, "content", content).set("type", "html")


def _content(notice: Mapping[str, Any], words: Mapping[str, str]) -> str:
    affected = ", ".join(
        f"{one['name']} ({words.get(one['impact'], one['impact'])})" for one in notice["components"]
    )
    parts = [f"<p>{escape(affected)}</p>"] if affected else []
    parts += [
        f"<p><strong>{escape(one['status'].capitalize())}</strong>"
        f" {escape(_minute(one['at']))}<br/>{_lines(one['text'])}</p>"
        for one in notice["updates"]
    ]
    return "".join(parts)


def _lines(text: str) -> str:
    return "<br/>".join(str(escape(line)) for line in text.split("\n"))


def _minute(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]} UTC" if at else ""


def _updated(notice: Mapping[str, Any]) -> str:
    if "updates" not in notice:
        # By what has begun or ended of it, not by when somebody looks.
        by_status = {"planned": "at", "in_progress": "start", "completed": "end"}
        return str(max(notice["at"], notice[by_status[notice["status"]]]))
    times = [notice["started_at"], notice["resolved_at"], *(one["at"] for one in notice["updates"])]
    return str(max(at for at in times if at))


def _add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    element = ET.SubElement(parent, f"{{{ATOM}}}{name}")
    if text:
        element.text = _clean(text)
    return element


def _link(parent: ET.Element, rel: str, href: str, kind: str) -> None:
    link = _add(parent, "link")
    for name, value in (("rel", rel), ("href", href), ("type", kind)):
        link.set(name, value)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)
