"""Text for Markdown (CommonMark and GitHub's): shown as it is, whatever it holds.

It can neither mark up, nor link, nor mention, nor hold HTML, nor leave its line or table cell.
"""

import re

from receiver.text.visible import visible

_JOINER = "\u2060"
_PIECES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        # GitHub looks for mentions in what is rendered, where a backslash is gone already.
        "@": f"@{_JOINER}",
        **{char: f"\\{char}" for char in "\\`*_[]|~$"},
    }
)
_BARE_LINK = re.compile(r"(?i)\b(?P<scheme>[a-z][a-z0-9+.-]*):(?=//)|\b(?P<www>www)\.|\bmailto:")
_LINE_START = re.compile(r"(?P<digits>\d{1,9})(?P<mark>[.)])|[-+=#:]")


def escape_markdown(text: str, limit: int) -> str:
    """Return any text as Markdown that shows it on one line, cut at ``limit`` characters."""
    shown = visible(text)
    if len(shown) > limit:
        shown = f"{shown[: limit - 1]}…"
    return _unmarked_start(_unlinked(shown.translate(_PIECES)))


def _unlinked(text: str) -> str:
    """Keep an address from becoming a link: it comes from an alert, and may lead anywhere."""
    return _BARE_LINK.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)


def _unmarked_start(text: str) -> str:
    """Keep what could begin a list, a heading or a rule from doing so."""
    found = _LINE_START.match(text)
    if found is None:
        return text
    place = found.start("mark") if found["mark"] else found.start()
    return f"{text[:place]}\\{text[place:]}"


def without_comments(text: str) -> str:
    """Return Markdown without the comments that begin a line outside of its code blocks.

    One that is never closed stays. Takes time in proportion to the text, whatever it holds.
    """
    kept: list[str] = []
    fence, comment_at = "", -1
    for line in text.splitlines(keepends=True):
        start = line.lstrip()
        if comment_at < 0 and not fence and start.startswith("<!--"):
            comment_at = len(kept)
        kept.append(line)
        if comment_at >= 0:
            _, closed, rest = line.partition("-->")
            if closed:
                kept[comment_at:] = [rest] if rest.strip() else []
                comment_at = -1
        elif start[:3] in ("```", "~~~"):
            fence = "" if fence == start[:3] else fence or start[:3]
    return "".join(kept)
