"""Which runbook belongs to an alert, and which texts may become a link."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from routing.remembered import remembered

MAX_LINK = 3000
"""Slack's limit for the URL of a button, the tightest of all places where links are shown."""

SOURCES = ("annotation", "catalogue", "template", "none")
"""Where a runbook link came from: the closed list of a metric's label."""

# ASCII host, optional port, and no user part: "https://ours.example@evil.example/" is evil's.
_LINK = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
    r'(?:[/?#][^\s<>"\\^`]*)?',
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?=[/?#]|$)", re.IGNORECASE)


@remembered  # the same few links come with every notification of a rule
def is_link(text: str) -> bool:
    """Return whether a text may be shown as a link: an absolute http or https URL, <= 3000.

    No user part, spaces, control or invisible characters (``isprintable`` knows them all).
    """
    return len(text) <= MAX_LINK and text.isprintable() and _LINK.fullmatch(text) is not None


@remembered
def _link(text: str) -> str:
    """Return the link that a text holds, "" when it may not be shown as one."""
    text = text.strip()
    return text if is_link(text) else ""


def check_template(template: str) -> None:
    """Raise ValueError unless filling ``{label}`` placeholders gives a link on a fixed host."""
    sample = _PLACEHOLDER.sub("x", template)
    if not is_link(sample) or "{" in sample or "}" in sample:
        raise ValueError("not an http or https URL with {label} placeholders")
    authority = template.split("://", 1)[1]
    host = re.split(r"[/?#]", authority, maxsplit=1)[0]
    if "{" in host or "{" in template[: -len(authority)]:
        raise ValueError("placeholders belong after the host name")


def entry_of(labels: Mapping[str, str], catalogue: frozenset[str], system_label: str) -> str:
    """Return the catalogue's entry, "" for none; a label with a slash is no file's name."""
    alertname = labels.get("alertname", "")
    system = labels.get(system_label, "")
    if "/" in alertname or "/" in system:
        return ""
    exact = f"{system}/{alertname}"
    if exact in catalogue:
        return exact
    return alertname if alertname in catalogue else ""


class Runbooks:
    """Finds runbooks: the alert's own annotation, the catalogue, then the template.

    ``catalogue`` holds ``system/alertname`` or ``alertname`` for each file of the catalogue, which
    is served under ``base_url``/runbooks/; ``system_label`` names the label with the system.
    ``template`` ("" for none) is a URL with {alertname}, {system} or any label in braces.
    """

    def __init__(
        self, template: str, catalogue: frozenset[str], system_label: str, base_url: str
    ) -> None:
        if template:
            check_template(template)
        # Literal text at even places, label names at odd ones.
        self._template = _PLACEHOLDER.split(template) if template else []
        self._catalogue = catalogue
        self._system_label = system_label
        self._base = f"{base_url.rstrip('/')}/runbooks/"

    def find(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        allow: Callable[[str], bool] = is_link,
    ) -> tuple[str, str]:
        """Return (url, source); source is one of ``SOURCES``, and url "" for "none".

        ``allow(link)``: whether a link that the sender gives may be shown.
        """
        for name in ("runbook_url", "runbook"):
            text = annotations.get(name)
            if text and (link := _link(text)) and (allow(link) or link.startswith(self._base)):
                return link, "annotation"
            if text and (link := self._ours(text)):
                return link, "annotation"
        if self._catalogue:
            key = entry_of(labels, self._catalogue, self._system_label)
            if key:
                return self._base + quote(key, safe="/"), "catalogue"
        if self._template:
            url = self._fill(labels)
            if url:
                return url, "template"
        return "", "none"

    def _ours(self, text: str) -> str:
        """Return the link that a path in our catalogue means, "" for any other text.

        Rules that ship carry ``/runbooks/SYSTEM/ALERT``: they do not know where we are.
        """
        key = text.strip().removeprefix("/").removeprefix("runbooks/").removesuffix(".md")
        return self._base + quote(key, safe="/") if key in self._catalogue else ""

    def _fill(self, labels: Mapping[str, str]) -> str:
        """Return the template's URL; "" where a label is missing or would climb up the path."""
        parts = list(self._template)
        for place in range(1, len(parts), 2):
            name = self._system_label if parts[place] == "system" else parts[place]
            value = labels.get(name, "")
            if not value:
                return ""
            parts[place] = quote(value, safe="", errors="replace")
        url = "".join(parts)
        return url if is_link(url) and not _DOTS.search(url) else ""
