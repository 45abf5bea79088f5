"""Texts without what cannot be seen: on a line, in a field, in a terminal."""

import re

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str, limit: int) -> str:
    r"""Make any text safe to store and show: at most ``limit`` characters, the last one "…".

    Control characters other than ``\n`` and ``\t`` are dropped, lone surrogates replaced, so
    that the result can always be encoded.
    """
    text = _UNWANTED.sub("", text)
    if not text.isascii():
        text = _LONE_SURROGATE.sub("\ufffd", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """Return text on one line, without control and format characters or lone surrogates."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def plain(text: object) -> str:
    """Return text that cannot move the cursor or hide what follows it."""
    return "".join(char if char.isprintable() else "?" for char in str(text))
