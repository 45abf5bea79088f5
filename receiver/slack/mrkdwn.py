"""Text for Slack: what comes from alerts can neither ping, nor link, nor break the layout.

docs.slack.dev, "Formatting message text": exactly ``&``, ``<`` and ``>`` are escaped. Lengths count
the escaped form, and nothing is cut inside an escape.
"""

from receiver.text.ids import is_user_id
from receiver.text.visible import visible
from routing.duration import format_moment

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_JOINER = "\u2060"
# mrkdwn has no escape for its own marks: a word joiner beside one keeps it from forming a pair, and
# a backtick, which would end a code span, becomes its typographic twin.
_MARKS = {"*": f"*{_JOINER}", "_": f"_{_JOINER}", "~": f"~{_JOINER}", "`": "\u02cb"}
_STATIC = _ESCAPES | _MARKS


def mrkdwn(text: str, limit: int) -> str:
    """Return alert text for a mrkdwn field, at most ``limit`` characters as sent."""
    return _cut(visible(text), limit, _STATIC)


def escaped(text: str, limit: int) -> str:
    """Return alert text for the plain ``text`` of a message, escaped, at most ``limit`` long."""
    return _cut(visible(text), limit, _ESCAPES)


def plain(text: str, limit: int) -> str:
    """Return alert text for a plain_text object, which is not parsed; never empty."""
    return _cut(visible(text), limit, {}) or "-"


def _cut(text: str, limit: int, pieces: dict[str, str]) -> str:
    """Join the pieces that fit, each whole or not at all; "…" marks what is missing."""
    found: list[str] = []
    length = 0
    for char in text:
        piece = pieces.get(char, char)
        length += len(piece)
        found.append(piece)
        if length > limit:
            while length > limit - 1:
                length -= len(found.pop())
            return "".join(found) + "…"
    return "".join(found)


def mention(text: str) -> str:
    """Return a mention (``!here``, ``@U1``, ``!subteam^S1``) as Slack parses it.

    An id of somebody elsewhere, such as PagerDuty's, means nobody here.
    """
    if text.startswith("@") and not is_user_id(text[1:]):
        return ""
    return f"<{text}>" if text else ""


def moment(at: int) -> str:
    """Return a time (ms) that each reader sees in their own time zone."""
    return f"<!date^{at // 1000}^{{date_short_pretty}} {{time}}|{format_moment(at)}>"
