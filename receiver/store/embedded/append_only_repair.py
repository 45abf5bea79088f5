"""Mends damaged append-only files. A copy of every file is kept before it is changed.

Unasked, a start cuts off only what cannot have been answered with 2xx: zero bytes, and a change
that was never finished, at the very end. Everything else waits for a person who was told what
would be lost.
"""

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from receiver.errors import StoreUnavailableError
from receiver.store.embedded.append_only import FOLDER, FileReading
from receiver.store.embedded.append_only_damage import Damage, How, Kind, refusal
from receiver.store.embedded.manifest import (
    MANIFEST,
    Listed,
    ManifestError,
    found_by_name,
    read_manifest,
    write_manifest,
)

COPIES = "damaged"
COPIES_KEPT = 3
"""Repairs whose copies are kept."""
_SPARE = 1024 * 1024
"""Bytes that are left free beside a copy."""


def mend(data_dir: Path, found: Sequence[Damage], how: How) -> list[str]:
    """Mend what is damaged, a copy of each file kept; return what was done, a line each.

    No server may run. Nothing is changed when one of them cannot be mended so, or when there is no
    room for the copies: StoreUnavailableError.
    """
    stuck = [damage for damage in found if not damage.lost(how)]
    if stuck:
        raise refusal(data_dir, stuck)
    folder = data_dir / FOLDER
    try:
        listed = _listed(folder)
        touched = [damage.path for damage in found if damage.path.exists()]
        if how is How.TRUNCATE:
            touched += _behind(listed, found)
        copies = _copy(data_dir, [*dict.fromkeys([*touched, folder / MANIFEST])])
        done = [_mend_one(damage, how, listed) for damage in found]
        _relist(folder, listed, found)
        if how is How.TRUNCATE:
            for path in _behind(listed, found):
                _shorten(path, 0)
                done.append(f"{path.name}: emptied, as it follows the damage")
    except OSError as error:
        raise StoreUnavailableError(f"cannot repair {folder}: {error}") from error
    return [*done, f"Copies of the files as they were are in {copies}"]


def _listed(folder: Path) -> Listed:
    try:
        return read_manifest(folder)
    except (ManifestError, FileNotFoundError):
        found = found_by_name(folder)
    if found is None:
        names = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise StoreUnavailableError(
            f"{folder / MANIFEST} is lost, and the names of the files do not tell what it listed"
            f" ({names}); restore a backup, or ask whoever knows Valkey's append-only files"
        )
    return found


def _behind(listed: Listed, found: Sequence[Damage]) -> list[Path]:
    """Return the files with changes that follow the first damaged one."""
    damaged = [path for path in listed.commands if any(path == item.path for item in found)]
    if not damaged:
        return []
    after = listed.commands[listed.commands.index(damaged[0]) + 1 :]
    return [path for path in after if path.exists() and path.stat().st_size]


def _mend_one(damage: Damage, how: How, listed: Listed) -> str:
    reading, name = damage.reading, damage.path.name
    if damage.kind is Kind.MANIFEST:
        return f"{name}: made anew of {len(listed.commands) + 1} files"
    if damage.kind in {Kind.BASE, Kind.MISSING}:
        return f"{name}: taken off the list"
    if reading is None:
        raise StoreUnavailableError(f"{damage.path} was not read, so it is not repaired")
    if how is How.SKIP and damage.kind is Kind.CHANGES:
        _leave_out(damage.path, reading)
        return (
            f"{name}: left out what cannot be read, kept {len(reading.behind):,} changes after it"
        )
    _shorten(damage.path, reading.good)
    return f"{name}: cut off {reading.size - reading.good:,} bytes at the end"


def _relist(folder: Path, listed: Listed, found: Sequence[Damage]) -> None:
    """Write the list without what is not there any more; nothing when it lists the same."""
    off = {item.path for item in found if item.kind in {Kind.BASE, Kind.MISSING}}
    if not off and not any(item.kind is Kind.MANIFEST for item in found):
        return
    base = None if listed.base in off else listed.base
    commands = tuple(path for path in listed.commands if path not in off)
    write_manifest(folder, Listed(base, commands))
    for path in off:
        path.unlink(missing_ok=True)


def _copy(data_dir: Path, files: Sequence[Path]) -> Path:
    """Copy files to a new folder, durably, and drop the oldest such folders; return the new one."""
    there = [path for path in files if path.exists()]
    room = shutil.disk_usage(data_dir).free
    needed = sum(path.stat().st_size for path in there) + _SPARE
    if needed > room:
        raise StoreUnavailableError(
            f"no room in {data_dir} for a copy of the damaged files ({needed:,} bytes are needed,"
            f" {room:,} are free), and nothing is repaired without one; free some space"
        )
    place = data_dir / COPIES
    target = place / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target.mkdir(parents=True, mode=0o700)
    try:
        for path in there:
            _copy_one(path, target / path.name)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    for old in sorted(place.iterdir())[:-COPIES_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def _copy_one(path: Path, target: Path) -> None:
    with path.open("rb") as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())


def _shorten(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _leave_out(path: Path, reading: FileReading) -> None:
    """Write the whole changes to a new file that takes the damaged one's place."""
    temporary = path.with_name(f"temp-repair-{path.name}")
    try:
        temporary.touch(mode=0o600)
        with path.open("rb") as source, temporary.open("wb") as target:
            for start, end in ((0, reading.good), *reading.behind):
                source.seek(start)
                _copy_bytes(source, target, end - start)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _copy_bytes(source: BinaryIO, target: BinaryIO, number: int) -> None:
    while number:
        block = source.read(min(number, 1024 * 1024))
        if not block:
            raise OSError("the file became shorter while it was read")
        target.write(block)
        number -= len(block)
