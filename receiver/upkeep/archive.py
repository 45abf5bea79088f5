"""The file of a backup: written and read piece by piece, whatever its size.

It is a gzip stream: a first line that names what it is, then pieces, each with its length (4 bytes,
big-endian) before it, as MessagePack: one ``Header``, then ``StoredIncident`` and ``StoredKey`` in
any order, and a ``Trailer`` with their numbers and the SHA-256 of all that came before it. A file
without its trailer is not whole.
"""

import contextlib
import gzip
import hashlib
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from receiver.errors import IncidentManagerError
from receiver.upkeep.stored import StoredIncident

FORMAT = 1
MAGIC = b"incident-manager store\n"
PIECE_MAX = 512 * 1024 * 1024
"""Bytes of one piece at most: a length beyond that is damage."""
STANDARD_OUTPUT = Path("-")
_LENGTH = struct.Struct(">I")


class ArchiveError(IncidentManagerError):
    """A backup cannot be written or read; the text says why, and what is allowed."""


class Header(msgspec.Struct, frozen=True, tag="header"):
    """What was backed up: when (ms), by which release, with which layout and record schema."""

    format: int
    created_at: int
    release: str
    layout: str
    schema: int


class StoredKey(msgspec.Struct, frozen=True, tag="key"):
    """A key that is of no single incident: its type in Redis (``kind``), and what it holds.

    ``string``: one item; ``list``, ``set``: its items; ``hash``: fields and values in turn;
    ``zset``: members and scores (as text) in turn. ``expires_at`` as for incidents.
    """

    name: bytes
    kind: str
    expires_at: int
    items: list[bytes]


class Trailer(msgspec.Struct, frozen=True, tag="trailer"):
    """How many there are of each, and the checksum of what came before."""

    incidents: int
    keys: int
    sha256: bytes


Piece = Header | StoredIncident | StoredKey | Trailer
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Piece).decode


class NewFile:
    """A file that is there, whole and for this user alone, only once it is complete.

    ``-`` is standard output. ArchiveError when something of that name is there already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.file: BinaryIO

    def __enter__(self) -> Self:
        if self._path == STANDARD_OUTPUT:
            self.file = sys.stdout.buffer
            return self
        if self._path.exists():
            raise self._taken()
        try:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._cannot(error) from error
        self.file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if self._path == STANDARD_OUTPUT:
                self.file.flush()
            else:
                self._end(complete=kind is None)
        except OSError as failed:
            raise self._cannot(failed) from failed
        if isinstance(error, OSError):
            raise self._cannot(error) from error

    def _end(self, *, complete: bool) -> None:
        try:
            if complete:
                self.file.flush()
                os.fsync(self.file.fileno())
                self.file.close()
                self._name_it()
        finally:
            # A disk that is full fails to close, too.
            with contextlib.suppress(OSError):
                self.file.close()
            self._part.unlink(missing_ok=True)

    def _name_it(self) -> None:
        try:
            # Unlike a rename, this never replaces what came meanwhile.
            self._path.hardlink_to(self._part)
        except FileExistsError:
            raise self._taken() from None
        except OSError:  # a file system without hard links
            if self._path.exists():
                raise self._taken() from None
            self._part.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _taken(self) -> ArchiveError:
        return ArchiveError(f"{self._path} is there already, and is not overwritten")

    def _cannot(self, error: OSError) -> ArchiveError:
        return ArchiveError(f"{self._path} cannot be written: {error.strerror or error}")


class ArchiveWriter:
    """Writes pieces into an open file; ``close`` adds the trailer."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._stream = gzip.GzipFile("", "wb", 6, file, 0)
        self._sum = hashlib.sha256()
        self.incidents = 0
        self.keys = 0
        self._put(MAGIC)
        self._write(header)

    def add(self, piece: StoredIncident | StoredKey) -> None:
        """Write one piece."""
        if isinstance(piece, StoredIncident):
            self.incidents += 1
        else:
            self.keys += 1
        self._write(piece)

    def close(self) -> None:
        """Write the end; the file itself stays open."""
        self._write(Trailer(self.incidents, self.keys, self._sum.digest()))
        self._stream.close()

    def _write(self, piece: Piece) -> None:
        raw = _encode(piece)
        self._put(_LENGTH.pack(len(raw)))
        self._put(raw)

    def _put(self, raw: bytes) -> None:
        self._stream.write(raw)
        self._sum.update(raw)


def read_archive(path: Path) -> Iterator[Header | StoredIncident | StoredKey]:
    """Give the pieces of a backup in their order, the header first.

    ArchiveError for what is no backup, of a newer format, damaged or not whole; of the last two it
    may come after everything that could be read.
    """
    try:
        with gzip.open(path, "rb") as stream:
            yield from _pieces(path, stream)
    except gzip.BadGzipFile as error:
        raise ArchiveError(f"{path} is no backup, or is damaged: {error}") from error
    except EOFError as error:
        raise ArchiveError(f"{path} is not whole: it breaks off") from error
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror or error}") from error


def _pieces(path: Path, stream: gzip.GzipFile) -> Iterator[Header | StoredIncident | StoredKey]:
    total, incidents, keys = hashlib.sha256(), 0, 0
    if _take(stream, len(MAGIC), total) != MAGIC:
        raise ArchiveError(f"{path} is no backup of incident-manager")
    first = True
    while True:
        before = total.copy().digest()
        (length,) = _LENGTH.unpack(_take(stream, _LENGTH.size, total))
        if length > PIECE_MAX:
            raise ArchiveError(f"{path} is damaged: a piece of {length:,} bytes")
        raw = _take(stream, length, total)
        if first:
            _check_format(path, raw)
        piece = _decode(raw)
        if isinstance(piece, Header) != first:
            raise ArchiveError(f"{path} is damaged: its header is not where it should be")
        first = False
        if isinstance(piece, Trailer):
            if (piece.sha256, piece.incidents, piece.keys) != (before, incidents, keys):
                raise ArchiveError(f"{path} is damaged: its checksum is another")
            if stream.read(1):
                raise ArchiveError(f"{path} is damaged: something follows its end")
            return
        incidents += isinstance(piece, StoredIncident)
        keys += isinstance(piece, StoredKey)
        yield piece


class _FormatAlone(msgspec.Struct):
    format: int


def _check_format(path: Path, raw: bytes) -> None:
    """Refuse a newer format before anything else of it is looked at."""
    found = msgspec.msgpack.decode(raw, type=_FormatAlone).format
    if found > FORMAT:
        raise ArchiveError(
            f"{path} was written in format {found}, this release reads up to {FORMAT}: upgrade it"
        )


def _take(stream: gzip.GzipFile, number: int, total: "hashlib._Hash") -> bytes:
    parts = []
    while number:
        part = stream.read(min(number, 1 << 20))
        if not part:
            raise EOFError
        total.update(part)
        parts.append(part)
        number -= len(part)
    return b"".join(parts)
