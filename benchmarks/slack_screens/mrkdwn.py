"""Slack's mrkdwn as HTML: docs.slack.dev, "Formatting message text"."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from markupsafe import Markup, escape

_TOKEN = re.compile(r"<([^<>]+)>")
_CODE = re.compile(r"`([^`\n]+)`")
_STYLES = (
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), "b"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), "i"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), "s"),
)


class Reader:
    """Renders text for readers whose clock says ``now`` (s, UTC) and who know ``names``."""

    def __init__(self, now: int, names: Mapping[str, str]) -> None:
        self._now = datetime.fromtimestamp(now, UTC)
        self._names = names

    def render(self, text: str) -> Markup:
        """Return mrkdwn as HTML."""
        kept: list[str] = []

        def keep(html: str) -> str:
            kept.append(html)
            return f"\x00{len(kept) - 1}\x00"

        shown = _TOKEN.sub(lambda found: keep(self._token(found[1])), text)
        shown = str(escape(_unescape(shown)))
        shown = _CODE.sub(lambda found: keep(f"<code>{found[1]}</code>"), shown)
        for pattern, tag in _STYLES:
            shown = pattern.sub(rf"<{tag}>\1</{tag}>", shown)
        while "\x00" in shown:
            shown = re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], shown)
        return Markup(shown.replace("\n", "<br>"))  # noqa: S704 - every part is escaped above

    def _token(self, token: str) -> str:
        body, _, label = token.partition("|")
        if body.startswith("!date^"):
            _, unix, form, *_ = body.split("^")
            return f'<span class="date">{escape(self._date(int(unix), form))}</span>'
        if body[0] in "@#!":
            name = label or self._names.get(body, body.removeprefix("!subteam^").lstrip("@#!"))
            sign = "#" if body[0] == "#" else "@"
            return f'<span class="mention">{sign}{escape(_unescape(name.lstrip("@#")))}</span>'
        return f'<a href="#">{escape(_unescape(label or body))}</a>'

    def _date(self, unix: int, form: str) -> str:
        at = datetime.fromtimestamp(unix, UTC)
        days = (at.date() - self._now.date()).days
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
        day = near or f"{at:%b} {at.day}"
        return form.replace("{date_short_pretty}", day).replace("{time}", f"{at:%H:%M}")


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
