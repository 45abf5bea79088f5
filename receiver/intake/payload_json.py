"""Parses bodies that are not as Alertmanager writes them: sloppy JSON, a piece at a time.

A thread that is inside compiled code keeps the interpreter from the event loop: for one object of a
million keys 0.4 s. So what has many values is taken apart by Python, and compiled code gets no more
at once than is done in no time.
"""

import json
import math
from json import decoder as _json_decoder
from json import scanner as _json_scanner
from typing import Any

from receiver.errors import PayloadError

MAX_DEPTH = 200
"""Nesting of a body; the compiled validator's parser has the same bound."""
MAX_VALUES = 1_000_000
"""Values in a body; so many take a second or two."""
MANY_VALUES = 50_000
"""Compiled code takes up to 20 ms for so many."""
WINDOW = 4_096
"""Characters that an alert rarely has more of."""
_MAX_INTEGER_DIGITS = 40


def load_json(body: bytes) -> object:
    """Parse a body, also with raw control characters in strings, NaN, and a byte order mark.

    Raises ``PayloadError`` with the place and what was expected there.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8", "replace")
        place = f"line {before.count(chr(10)) + 1} column {len(before) - before.rfind(chr(10))}"
        message = f"expected JSON in UTF-8, found the byte 0x{body[error.start]:02x}"
        raise PayloadError(message, place) from None
    if not text.strip():
        raise PayloadError("expected a JSON object, found an empty body", "line 1 column 1")
    containers = body.count(b"[") + body.count(b"{")
    values = containers + body.count(b",")
    if values > MAX_VALUES:
        raise PayloadError(f"expected at most {MAX_VALUES} values")
    try:
        document = (WHOLE if values <= MANY_VALUES else IN_PIECES).decode(text)
    except json.JSONDecodeError as error:
        raise PayloadError(_expectation(error), _place(error)) from None
    except RecursionError:
        raise PayloadError(f"expected at most {MAX_DEPTH} levels of nesting") from None
    if containers > MAX_DEPTH:
        _refuse_deep(document)
    return document


def json_text(value: object, most: int, *, ascii_only: bool = True) -> str:
    """Return the JSON of a value; of one longer than ``most`` characters a beginning that is."""
    found, size = [], 0
    for piece in json.JSONEncoder(ensure_ascii=ascii_only).iterencode(value):
        found.append(piece)
        size += len(piece)
        if size > most:
            break
    return "".join(found)


def _integer(digits: str) -> int | str:
    # Python refuses to convert thousands of digits; nobody counts that far.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_int=_integer, parse_float=_float, parse_constant=str, strict=False
    )


def _in_pieces() -> json.JSONDecoder:
    """Return a decoder in Python; only objects in a list that are short are parsed by C.

    It is the standard library's own, which is there for where its compiled code is not.
    """
    made: Any = _decoder()
    compiled = made.scan_once

    def parse_array(place: tuple[str, int], scan: Any, *rest: Any) -> Any:
        def scan_one(text: str, at: int) -> Any:
            if text.startswith("{", at):
                try:
                    value, end = compiled(text[at : at + WINDOW], 0)
                except (StopIteration, ValueError):
                    pass  # it goes on beyond the window, or is wrong: where will be found out
                else:
                    return value, at + end
            return scan(text, at)

        return python_array(place, scan_one, *rest)

    modules: Any = _json_decoder, _json_scanner
    python_array = modules[0].JSONArray
    made.parse_array = parse_array
    made.scan_once = modules[1].py_make_scanner(made)
    return made  # type: ignore[no-any-return]


WHOLE, IN_PIECES = _decoder(), _in_pieces()
"""Both decode the same, and say the same of what is wrong."""

_EXPECTED = {
    "Expecting value": "expected a JSON value",
    "Extra data": "expected the end of the body",
    "Unterminated string starting at": "expected an end of the string that begins here",
}


def _place(error: json.JSONDecodeError) -> str:
    return f"line {error.lineno} column {error.colno}"


def _expectation(error: json.JSONDecodeError) -> str:
    known = _EXPECTED.get(error.msg)
    if known is None:
        words = error.msg.replace("Expecting", "expected")
        known = words[:1].lower() + words[1:]
    return known


def _refuse_deep(document: object) -> None:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise PayloadError(f"expected at most {MAX_DEPTH} levels of nesting")
