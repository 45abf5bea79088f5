"""Logging: one JSON object a line for machines, a short line for a person at a terminal.

Everything is written to standard error; standard output belongs to the answers of commands.

Callers give figures as ``extra``: ``duration_ms`` and ``status`` have their fixed places, anything
else follows. What happens once a webhook is logged at DEBUG: at INFO a webhook costs one level
check. No record can be more than one line of JSON, or imitate another, whatever it contains.
"""

import json
import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from receiver.observability.correlation import correlation_id, trace_context
from receiver.secrets import hide

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMATS = ("auto", "json", "console")
FIXED = (
    "timestamp",
    "level",
    "class",
    "logger",
    "message",
    "correlation_id",
    "trace_id",
    "span_id",
    "process",
    "duration_ms",
    "status",
    "exception",
    "stack",
)
"""The fields of a line, in their order; those from ``trace_id`` on only where there is one.

``process``: which of several of the service, from 1, or ``parent``.
"""

AUDIT = "audit"
"""Name of the logger for what people did, and of the class of its lines."""
CLASSES = ("application", AUDIT, "debug", "error")
"""What kind of line it is, for how long it is kept (docs/logging.md)."""

MAX_DEPTH = 6
"""Levels of nesting shown of a value; also ends a value that contains itself."""


_TRACE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-")
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})
_QUIET = ("aiohttp", "asyncio", "pdpyras", "slack_sdk", "urllib3")
"""Libraries that log each call, some of them with headers: only their warnings are shown."""

_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_OUR_HANDLER = "incident-manager"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments may be anything; their line must still appear
        return f"{_text(record.msg)} (its arguments do not fit)"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ must not lose the line
        return f"<{type(value).__name__}>"


def _plain(value: object, depth: int = 0) -> Any:
    """Return the value as JSON can hold it, without secrets."""
    if depth < MAX_DEPTH and isinstance(value, dict):
        pairs = list(value.items())
        return {hide(_text(key)): _plain(item, depth + 1) for key, item in pairs}
    if depth < MAX_DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in list(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Python refuses to write very long ones in decimal.
        return int(value) if abs(value) < 2**63 else hex(value)
    finite = isinstance(value, float) and math.isfinite(value)
    return value if finite else hide(_text(value))


def _trace(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, str]:
    trace = {}
    if record.exc_info and record.exc_info[0] is not None:
        trace["exception"] = formatter.formatException(record.exc_info)
    elif record.exc_text:
        trace["exception"] = record.exc_text
    if record.stack_info:
        trace["stack"] = record.stack_info
    return {name: hide(text) for name, text in trace.items()}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: _plain(value)
        for name, value in vars(record).items()
        if name not in _STANDARD and name not in FIXED and name != trace_context.name
    }


def _correlation(record: logging.LogRecord) -> str:
    """The record's own id, for a worker that speaks of many incidents, else the context's."""
    return hide(_text(getattr(record, "correlation_id", "") or correlation_id.get()))


def _class(record: logging.LogRecord) -> str:
    """Audit by logger, the others by level; a warning is no error: nothing was lost by it."""
    if record.name == AUDIT:
        return AUDIT
    if record.levelno >= logging.ERROR:
        return "error"
    return "debug" if record.levelno <= logging.DEBUG else "application"


def _trace_ids(record: logging.LogRecord) -> dict[str, str]:
    """The record's own trace, as for the correlation id, else the context's."""
    own = getattr(record, trace_context.name, "") or trace_context.get()
    found = _TRACE.match(own) if isinstance(own, str) else None
    return {"trace_id": found[1], "span_id": found[2]} if found else {}


def _timestamp(created: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    whole = int(created)
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{seconds}.{int((created - whole) * 1000):03d}Z"


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII only, so that no control character or surrogate is left.

    Fields as in ``FIXED``, then those the caller gave as ``extra``, in that order.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Never raises, whatever the record holds."""
        line: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "class": _class(record),
            "logger": record.name,
            "message": hide(_message(record)),
            "correlation_id": _correlation(record),
            **_trace_ids(record),
            **self._process,
        }
        for name in ("duration_ms", "status"):
            value = getattr(record, name, None)
            if value is not None:
                line[name] = _plain(value)
        line |= _trace(record, self) | _extras(record)
        return json.dumps(line, ensure_ascii=True)


def _visible(text: str) -> str:
    """Return the text on one line: whatever is not printable is escaped."""
    if text.isprintable():
        return text
    shown: Callable[[str], str] = lambda char: (  # noqa: E731 - one use, right below
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
    )
    return "".join(map(shown, text))


class ConsoleFormatter(logging.Formatter):
    """``12:03:04 INFO  agenda  message  key=value``: local time, because a person reads it.

    A traceback follows on indented lines, which no record begins with.
    """

    def __init__(self, *, colour: bool = False, process: str = "") -> None:
        super().__init__()
        self._colour = colour
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines when there is a traceback. Never raises."""
        level = f"{record.levelname:<5}"
        if self._colour:
            level = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        name = record.name.removeprefix("receiver.")
        fields = {
            "duration_ms": _plain(getattr(record, "duration_ms", None)),
            "status": _plain(getattr(record, "status", None)),
            **_extras(record),
            "correlation_id": _correlation(record),
            "trace_id": _trace_ids(record).get("trace_id"),
            "process": self._process,
        }
        pairs = "".join(
            f"  {key}={_pair(value)}" for key, value in fields.items() if value not in (None, "")
        )
        lines = [f"{clock} {level} {name}  {hide(_message(record))}{pairs}"]
        head = f"{clock} {level} "
        lines = [head + _visible(lines[0][len(head) :])]
        for text in _trace(record, self).values():
            lines += ["    " + _visible(line) for line in text.splitlines()]
        return "\n".join(lines)


def _pair(value: Any) -> str:
    """Return a value for ``key=value``: quoted as JSON unless it is one plain word."""
    if isinstance(value, str) and re.fullmatch(r"[^\s\"=\\]+", value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def setup_logging(
    level: str,
    format: str,  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
    process: str = "",
) -> None:
    """Send the root logger to ``stream`` (default: standard error), in place of earlier set-ups.

    ``level``: one of ``LEVELS``; ``format``: one of ``FORMATS``, where ``auto`` is the console form
    on a terminal and JSON elsewhere. Colour only on a terminal, and not when NO_COLOR is set.
    ``process``: which of several of the service writes, "" where there is one.
    Raises ValueError, naming what is allowed.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is not one of {', '.join(LEVELS)}")
    if format not in FORMATS:
        raise ValueError(f"log format {format!r} is not one of {', '.join(FORMATS)}")
    stream = stream if stream is not None else sys.stderr
    terminal = _is_terminal(stream)
    colour = terminal and not os.environ.get("NO_COLOR")
    handler = logging.StreamHandler(stream)
    handler.set_name(_OUR_HANDLER)
    if format == "console" or (format == "auto" and terminal):
        handler.setFormatter(ConsoleFormatter(colour=colour, process=process))
    else:
        handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    for known in [known for known in root.handlers if known.get_name() == _OUR_HANDLER]:
        root.removeHandler(known)
        known.close()
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(number)
    # What people did is kept whatever else is not wanted.
    logging.getLogger(AUDIT).setLevel(min(number, logging.INFO))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)
