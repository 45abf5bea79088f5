"""Texts without what cannot be seen: on a line, in a field, in a terminal."""

import re

_PIECE = 65_536
"""Characters that are cleaned in 3 ms at most: what is compiled lets nobody in between."""
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str, limit: int) -> str:
    r"""Make any text safe to store and show: at most ``limit`` characters, the last one "…".

    Control characters other than ``\n`` and ``\t`` are dropped, lone surrogates replaced, so
    that the result can always be encoded.
    """
    if len(text) <= _PIECE:
        text = _cleaned(text)
    else:
        starts = range(0, len(text), _PIECE)
        text = "".join([_cleaned(text[start : start + _PIECE]) for start in starts])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _cleaned(text: str) -> str:
    text = _UNWANTED.sub("", text)
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def visible(text: str) -> str:
    """Return text on one line, without control and format characters or lone surrogates."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def plain(text: object) -> str:
    """Return text that cannot move the cursor or hide what follows it."""
    return "".join(char if char.isprintable() else "?" for char in str(text))
