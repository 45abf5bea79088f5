"""Rows of texts in columns, as every table of the command line is laid out."""

import unicodedata
from collections.abc import Sequence

from receiver.text.visible import plain

NARROWEST = 8
"""Cells that a column keeps when there is no room."""


def aligned(
    rows: Sequence[Sequence[str]],
    sides: str,
    *,
    least: Sequence[int] = (),
    room: int = 0,
    gap: str = "  ",
) -> list[str]:
    """Return the lines of a table, each without spaces at its end.

    ``sides``: for each column ``<`` (words) or ``>`` (figures); ``least``: cells that the first
    columns have at least. Where a table needs more than ``room`` cells (0: any number), its words
    are cut, the widest column first, and figures never.
    """
    texts = [[plain(cell) for cell in row] for row in rows]
    if not texts:
        return []
    widths = [max(map(width, column)) for column in zip(*texts, strict=True)]
    widths = [max(pair) for pair in zip(widths, [*least, *[0] * len(widths)], strict=False)]
    words = [place for place, side in enumerate(sides) if side == "<"]
    while room and words and sum(widths) + len(gap) * (len(widths) - 1) > room:
        widest = max(words, key=lambda place: widths[place])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return [_line(row, widths, sides, gap) for row in texts]


def _line(row: Sequence[str], widths: Sequence[int], sides: str, gap: str) -> str:
    cells = []
    for text, room, side in zip(row, widths, sides, strict=True):
        shown = cut(text, room) if side == "<" else text
        space = " " * (room - width(shown))
        cells.append(shown + space if side == "<" else space + shown)
    return gap.join(cells).rstrip()


def cut(text: str, room: int) -> str:
    """Return a text of so many cells at most; of a longer one, its beginning and two dots."""
    if width(text) <= room:
        return text
    while width(text) > room - 2:
        text = text[:-1]
    return f"{text}.."


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes: East Asian ones two, marks none."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
