"""The daily look at backups: whether the newest one is young enough, and whole."""

import time
from collections.abc import Iterator
from pathlib import Path

from receiver.cli.checks.finding import Finding
from receiver.upkeep.archive import ArchiveError, Header, read_archive
from receiver.upkeep.stored import StoredIncident

AREA = "backups"
HOUR_S = 3_600


def check_backups(place: Path, hours: float) -> Finding:
    """Return how the newest backup is: a file, or the newest file of a folder.

    Its age counts from what it says itself, so that a copy is no younger than what it copies. It is
    read to its end: one that breaks off could not be restored.
    """
    try:
        file = _newest(place)
        if file is None:
            return _failed(f"{place}: no backup is there")
        created, incidents = _read(file)
    except ArchiveError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename or place}: {error.strerror}")
    age = max(0.0, time.time() - created / 1000) / HOUR_S
    words = f"{file.name}: {incidents:,} incidents, {age:.1f} hours old"
    if age > hours:
        advice = "does cron still run `incident-manager store backup`?"
        return Finding(AREA, "newest", "failed", words, f"{hours:g} hours", advice)
    return Finding(AREA, "newest", "ok", words, f"{hours:g} hours")


def _failed(words: str) -> Finding:
    return Finding(AREA, "newest", "failed", words, "", "make one: `incident-manager store backup`")


def _newest(place: Path) -> Path | None:
    if not place.is_dir():
        return place
    files = (one for one in place.iterdir() if one.is_file() and not one.name.startswith("."))
    return max(files, key=lambda one: one.stat().st_mtime, default=None)


def _read(file: Path) -> tuple[int, int]:
    """Return when (ms) a backup was made, and how many incidents it holds; ArchiveError."""
    pieces: Iterator[object] = read_archive(file)
    header = next(pieces)
    created = header.created_at if isinstance(header, Header) else 0
    return created, sum(isinstance(piece, StoredIncident) for piece in pieces)
