"""Damage to the append-only files at rest: what is wrong, and what mending it would lose."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.embedded.append_only import FOLDER, FileReading, State, read_file
from receiver.store.embedded.manifest import MANIFEST, Listed, ManifestError, read_manifest
from receiver.store.embedded.process import find_binary

CREATED = "created"
"""This file says that there is data, so that its absence is not taken for a new beginning."""


class Kind(StrEnum):
    """What sort of damage it is, which is what decides how it can be mended."""

    TAIL = "tail"
    CHANGES = "changes"
    BASE = "base"
    MANIFEST = "manifest"
    MISSING = "missing"
    GONE = "gone"
    UNREADABLE = "unreadable"


class How(StrEnum):
    """What a person allows a repair to give up."""

    UNASKED = "unasked"
    SKIP = "skip"
    """Only what cannot be read."""
    TRUNCATE = "truncate"
    """Everything from the first damage on."""


class Damage(msgspec.Struct, frozen=True):
    """One thing that is wrong with the files at rest; ``words`` say what."""

    kind: Kind
    path: Path
    words: str
    reading: FileReading | None = None

    def lost(self, how: How) -> str:
        """Return what mending it that way loses, in words; "" when it cannot be mended so."""
        if self.kind is Kind.MANIFEST:
            return "nothing: the list is made anew from the names of the files"
        if self.kind in {Kind.BASE, Kind.MISSING}:
            return f"everything that only {self.path.name} held" if how is How.SKIP else ""
        return self._lost_of(self.reading, how) if self.reading is not None else ""

    def _lost_of(self, reading: FileReading, how: How) -> str:
        if self.kind is Kind.TAIL:
            begun = "a change that was never finished, and so never answered"
            return f"{begun} {reading.named()}".rstrip() if reading.begun else "nothing but zeros"
        if how is How.UNASKED:
            return ""
        beyond = reading.size - reading.good
        if how is How.SKIP:
            kept = sum(end - start for start, end in reading.behind)
            return f"{beyond - kept:,} bytes that cannot be read"
        whole = f"among them {counted(len(reading.behind))} behind the damage"
        return f"{beyond:,} bytes, {whole} {reading.named()}".rstrip()


def counted(changes: int) -> str:
    """Return so many whole changes in words."""
    return f"{changes:,} whole change{'' if changes == 1 else 's'}"


def note_data(data_dir: Path) -> None:
    """Note that there is data from now on; where that fails, the next start does it."""
    with contextlib.suppress(OSError), (data_dir / CREATED).open("x") as file:
        file.write(
            f"Incidents are kept here since {datetime.now(UTC):%Y-%m-%d}. Without {FOLDER} beside"
            " this file the service does not start; remove this file to begin with none.\n"
        )


def refuse_missing_files(data_dir: Path) -> None:
    """Refuse to start a server that would begin empty although there is data, or lose some.

    A server without a manifest takes its data for new, and one whose base file is empty loads
    nothing from it; both without a word. StoreUnavailableError says what is missing.
    """
    found = _look_at_list(data_dir)
    if found:
        raise refusal(data_dir, found)


def make_room(data_dir: Path) -> None:
    """Let a backup be restored where the files are gone; StoreUnavailableError for damaged ones."""
    found = _look_at_list(data_dir)
    if any(damage.kind is not Kind.GONE for damage in found):
        raise StoreUnavailableError(
            f"there is damaged data in {data_dir}, which is not overwritten:"
            f" mv {data_dir} {data_dir}.damaged"
        )
    if found:
        (data_dir / CREATED).unlink()


def refusal(data_dir: Path, found: Sequence[Damage]) -> StoreUnavailableError:
    """Return the error for damage that is not mended unasked, with the command that mends it."""
    what = "\n".join(f"  {damage.path}: {damage.words}" for damage in found)
    command = f"incident-manager store repair --storage.path {data_dir.parent}"
    if any(damage.kind is Kind.GONE for damage in found):
        advice = (
            "if its volume is not mounted, mount it; else restore a backup"
            " (incident-manager store restore FILE); to begin with no incidents, remove"
            f" {data_dir / CREATED}"
        )
    elif any(damage.kind is Kind.UNREADABLE for damage in found):
        advice = f"give them to this user: chown -R {os.getuid()} {data_dir}"
    else:
        advice = f"what can be kept, and what would be lost, says (and changes nothing): {command}"
    return StoreUnavailableError(
        f"the embedded server's data is damaged and nothing was changed:\n{what}\n{advice}"
    )


def examine(data_dir: Path) -> list[Damage]:
    """Read all files of a server that does not run; return what is wrong. StoreUnavailableError."""
    found = _look_at_list(data_dir)
    if found or not (data_dir / FOLDER / MANIFEST).exists():
        return found
    try:
        listed = read_manifest(data_dir / FOLDER)
        if listed.base is not None and (problem := _base_problem(listed.base)):
            found.append(Damage(Kind.BASE, listed.base, problem))
        return found + _look_at_changes(listed.commands)
    except OSError as error:
        raise StoreUnavailableError(f"cannot read {data_dir / FOLDER}: {error}") from error


def _look_at_list(data_dir: Path) -> list[Damage]:
    """Return what is wrong with the list of files and their presence; no file is read."""
    folder = data_dir / FOLDER
    manifest = folder / MANIFEST
    try:
        listed = read_manifest(folder)
    except FileNotFoundError:
        return _look_without_list(data_dir)
    except PermissionError:
        return [Damage(Kind.UNREADABLE, manifest, "this user may not read it")]
    except ManifestError as error:
        return [Damage(Kind.MANIFEST, manifest, f"it cannot be read: {error}")]
    except OSError as error:
        raise StoreUnavailableError(f"cannot read {manifest}: {error}") from error
    return _look_at_presence(listed)


def _look_without_list(data_dir: Path) -> list[Damage]:
    folder, created = data_dir / FOLDER, (data_dir / CREATED).exists()
    others = sorted(folder.glob("appendonly.aof.*"))
    # A base file alone is what a very first start leaves that broke off: it holds nothing.
    if any(path.suffix == ".aof" for path in others) or (others and created):
        names = ", ".join(path.name for path in others)
        words = f"it is missing, though there are {names}"
        return [Damage(Kind.MANIFEST, folder / MANIFEST, words)]
    return [Damage(Kind.GONE, folder, "there is no data, although there was")] if created else []


def _look_at_presence(listed: Listed) -> list[Damage]:
    found = []
    for path in (*([listed.base] if listed.base else []), *listed.commands):
        if not path.exists():
            found.append(Damage(Kind.MISSING, path, "it is missing"))
        elif not os.access(path, os.R_OK | os.W_OK):
            found.append(Damage(Kind.UNREADABLE, path, "this user may not read or write it"))
        elif path == listed.base and not path.stat().st_size:
            found.append(Damage(Kind.BASE, path, "it is empty"))
    return found


def _look_at_changes(files: Sequence[Path]) -> list[Damage]:
    found: list[Damage] = []
    readings = [(path, read_file(path)) for path in files]
    for place, (path, reading) in enumerate(readings):
        if reading.state is State.WHOLE:
            continue
        at = f"after {counted(reading.changes)}, at byte {reading.good:,}"
        last = not any(later.size for _, later in readings[place + 1 :])
        if reading.state is State.UNFINISHED and last:
            words = f"{at}, come {reading.problem}"
            found.append(Damage(Kind.TAIL, path, words, reading))
        else:
            words = f"{at}: {reading.problem}; behind it {counted(len(reading.behind))}"
            found.append(Damage(Kind.CHANGES, path, words, reading))
    return found


def _base_problem(path: Path) -> str:
    """Return what the server's own checker says is wrong with a base file, "" for nothing."""
    done = subprocess.run(  # noqa: S603 - our binary, which checks when it is called so
        ["valkey-check-rdb", path],  # noqa: S607 - it is a name; what runs is the next line
        executable=find_binary(),
        capture_output=True,
        check=False,
    )
    if not done.returncode:
        return ""
    said = [line for line in done.stdout.decode(errors="replace").splitlines() if "---" not in line]
    return f"it cannot be read ({said[-1].strip() if said else 'no reason given'})"
