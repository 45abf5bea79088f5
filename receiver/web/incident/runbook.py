"""What to do: the runbook of an incident, rendered where it is one of ours."""

from typing import Any
from urllib.parse import quote, unquote

from receiver.runbooks.catalogue import Catalogue, heading_of
from receiver.runbooks.html import RENDERED_MAX, to_html
from receiver.text.markdown import without_comments
from routing.incident import Incident
from routing.runbook import is_link

BELOW = 2
"""Levels its headings are lowered: above them are the page's own."""


def runbook(incident: Incident, catalogue: Catalogue, base_url: str, prefix: str) -> dict[str, Any]:
    """Return its link, and its text where it is one of ours; reads a file, and may take long."""
    url = incident.runbook_url if is_link(incident.runbook_url) else ""
    ours = f"{base_url}/runbooks/"
    name = catalogue.name_of(unquote(url.removeprefix(ours))) if url.startswith(ours) else ""
    raw = catalogue.read(name, RENDERED_MAX + 1) if name else None
    if raw is None:
        return {"url": url, "name": "", "title": "", "body": ""}
    text = raw[:RENDERED_MAX].decode("utf-8", "replace")
    address = f"{prefix}/runbooks/{quote(name)}"
    folder = address.rpartition("/")[0] + "/"
    heading = heading_of(text)
    return {
        "url": address,
        "name": name,
        "title": heading or name,
        "body": to_html(_without_heading(text, heading), BELOW, folder),
        "cut": len(raw) > RENDERED_MAX,
    }


def _without_heading(text: str, heading: str) -> str:
    """Return it without the heading that it begins with: the page has that as its own."""
    shown = without_comments(text).lstrip()
    first, _, rest = shown.partition("\n")
    return rest if heading and first.startswith("# ") else shown
