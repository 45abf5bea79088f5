"""Reads the embedded server's append-only files while no server runs: what is whole, what is not.

The server can only say that it refuses a file, and its own checker (the same binary under the name
``valkey-check-aof``) neither reads a manifest whose base file is of Valkey 9, nor tells a tail that
was never finished from damage with changes behind it. What is read here is the file's grammar:
commands as the protocol writes them, and ``MULTI`` ... ``EXEC`` around what belongs together. A
commit is one script call, so it is one such transaction: half of one is never counted as written.
"""

import mmap
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

FOLDER = "appendonlydir"

_LONGEST = 512 * 1024 * 1024
"""Bytes of one argument, and number of arguments, at most (Valkey, ``proto-max-bulk-len``)."""
_LINE_MAX = 32
_INCIDENT = re.compile(rb"im:\{\d+\}:i:([0-9]+-[0-9a-f]{16}-[0-9]+)\r")
_START = b"\r\n*"
"""How one command ends and the next begins. No word of ours has it inside: JSON breaks no line."""
_NAMED_MAX = 5


class State(StrEnum):
    """How a file ends."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"
    """After the last whole change come only zero bytes, or the beginning of one change."""
    DAMAGED = "damaged"
    """Something stands where a change should be, and it may hide changes that were acknowledged."""


class FileReading(msgspec.Struct, frozen=True):
    """What one file of commands holds.

    ``good``: its first so many bytes are ``changes`` whole changes (transactions, and commands
    outside of one). ``problem`` says what follows, of which ``begun`` bytes come before the zero
    bytes at the end. ``behind`` are the whole changes found further on, as (start, end) in bytes;
    ``incidents`` are the ids named in what follows ``good``.
    """

    state: State
    size: int
    good: int
    changes: int
    problem: str = ""
    begun: int = 0
    behind: tuple[tuple[int, int], ...] = ()
    incidents: tuple[str, ...] = ()

    def named(self) -> str:
        """Return whose changes stand after ``good``, in words; "" for none that is named."""
        if not self.incidents:
            return ""
        more = len(self.incidents) - _NAMED_MAX
        rest = f" and {more} more" if more > 0 else ""
        return f"of incident {', '.join(self.incidents[:_NAMED_MAX])}{rest}"


class _CutError(Exception):
    """The bytes end in the middle of the command that begins ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _DamagedError(Exception):
    """What stands here is no command; the text says what it is."""


def read_file(path: Path) -> FileReading:
    """Read a file of commands from its beginning to its end. OSError."""
    if not path.stat().st_size:
        return FileReading(State.WHOLE, 0, 0, 0)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _read(data)


def _read(data: mmap.mmap) -> FileReading:
    size, good, changes = len(data), 0, 0
    try:
        while good < size:
            good, changes = _change(data, good, size), changes + 1
    except _CutError:
        damage = ""
    except _DamagedError as error:
        damage = str(error)
    else:
        return FileReading(State.WHOLE, size, good, changes)
    filled = _filled(data, good)
    incidents = tuple(dict.fromkeys(_ids(data[good:filled])))
    begun = filled - good
    behind: tuple[tuple[int, int], ...] = ()
    if not begun or _only_begun(data, good, filled):
        state, problem = State.UNFINISHED, _unfinished(begun, size - filled)
    else:
        state, problem = State.DAMAGED, damage or "a length that swallows what follows it"
        behind = tuple(_behind(data, good, filled))
    return FileReading(state, size, good, changes, problem, begun, behind, incidents)


def _unfinished(begun: int, zeros: int) -> str:
    parts = [f"{begun:,} bytes of a change that was never finished"] if begun else []
    parts += [f"{zeros:,} zero bytes"] if zeros else []
    return " and ".join(parts)


def _ids(data: bytes) -> Iterator[str]:
    return (found.decode() for found in _INCIDENT.findall(data))


def _filled(data: mmap.mmap, start: int) -> int:
    """Return where the zero bytes begin that the data ends with."""
    end = len(data)
    while end > start:
        block = data[max(start, end - 65_536) : end]
        left = len(block.rstrip(b"\0"))
        if left:
            return end - len(block) + left
        end -= len(block)
    return start


def _only_begun(data: mmap.mmap, at: int, end: int) -> bool:
    """Return whether these bytes are one change that breaks off at their end."""
    try:
        _change(data, at, end)
    except _CutError as cut:
        # A broken length swallows what follows it, and looks like a command that breaks off.
        return data.find(_START, cut.at, end) < 0
    except _DamagedError:
        pass
    return False


def _behind(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Return where whole changes stand after a place where none can be read.

    The rest of a transaction whose beginning is gone is not whole: until a transaction begins or
    ends it is not known whether a command belongs to one.
    """
    unsure: list[tuple[int, int]] = []
    outside = False
    while (at := data.find(_START, at, end)) >= 0:
        start = at + 2
        try:
            at, name = _command(data, start, end)
            if name == b"MULTI":
                at = _change(data, start, end)
        except (_CutError, _DamagedError):
            at, unsure, outside = start, [], False
            continue
        if name == b"EXEC":
            unsure, outside = [], True
        elif name == b"MULTI" or outside:
            yield from unsure
            yield start, at
            unsure, outside = [], True
        else:
            unsure.append((start, at))
        at -= 2  # the line break that ends this one
    yield from unsure


def _change(data: mmap.mmap, at: int, end: int) -> int:
    """Return where the change that begins ``at`` ends. _CutError, _DamagedError."""
    at, name = _command(data, at, end)
    if name == b"EXEC":
        raise _DamagedError("the end of a transaction that has no beginning")
    if name != b"MULTI":
        return at
    while name != b"EXEC":
        at, name = _command(data, at, end)
        if name == b"MULTI":
            raise _DamagedError("a transaction inside another one")
    return at


def _command(data: mmap.mmap, at: int, end: int) -> tuple[int, bytes]:
    """Return where the command ``at`` ends, and its name. _CutError, _DamagedError."""
    begin = at
    at, number = _number(data, at, end, b"*", begin)
    if number < 1:
        raise _DamagedError("a command of no words")
    name = b""
    for place in range(number):
        at, length = _number(data, at, end, b"$", begin)
        if at + length + 2 > end:
            raise _CutError(begin)
        if data[at + length : at + length + 2] != b"\r\n":
            raise _DamagedError("a word that is longer or shorter than was written before it")
        if not place:
            name = data[at : at + length]
            if not name.isascii() or not name.decode().isprintable():
                raise _DamagedError("a command whose name is no word")
            name = name.upper()
        at += length + 2
    return at, name


def _number(data: mmap.mmap, at: int, end: int, sign: bytes, begin: int) -> tuple[int, int]:
    """Return where a line such as ``$12`` ends, and its number; ``begin``: of its command."""
    line = data[at : min(at + _LINE_MAX, end)]
    text, ended, _ = line.partition(b"\r\n")
    digits = text[1:] if ended else text[1:].removesuffix(b"\r")
    wrong = text[:1] not in {b"", sign} or (digits and not digits.isdigit())
    if not ended and not wrong and len(line) < _LINE_MAX:
        raise _CutError(begin)
    if wrong or not ended or not digits or int(digits) > _LONGEST:
        found = data[at : min(at + 8, end)].hex(" ")
        what = "a command" if sign == b"*" else "a word of a command"
        raise _DamagedError(f"the bytes {found} where {what} should begin")
    return at + len(text) + 2, int(digits)
