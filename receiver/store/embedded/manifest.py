"""The manifest of the append-only files."""

import os
import re
from pathlib import Path

import msgspec

_NUMBERED = re.compile(r"appendonly\.aof\.(\d+)\.(?:base\.rdb|incr\.aof)")
_LISTED = re.compile(r'file "?([^"/\s]+)"? seq (\d+) type ([bih])(?: .*)?')
MANIFEST = "appendonly.aof.manifest"


class Listed(msgspec.Struct, frozen=True):
    """The files a manifest names, each of them a path; ``base`` None: there is none."""

    base: Path | None
    commands: tuple[Path, ...]


class ManifestError(ValueError):
    """The manifest cannot be read; the text says why."""


def read_manifest(folder: Path) -> Listed:
    """Return what the manifest of an ``appendonlydir`` lists. ManifestError, OSError."""
    text = (folder / MANIFEST).read_bytes().decode(errors="replace")
    if text and not text.endswith("\n"):
        raise ManifestError("it ends in the middle of a line")
    base, commands = None, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        found = _LISTED.fullmatch(line)
        if found is None:
            raise ManifestError(f"line {number} is no entry")
        if found[3] == "b":
            base = folder / found[1]
        elif found[3] == "i":
            commands.append((int(found[2]), folder / found[1]))
    if base is None and not commands:
        raise ManifestError("it lists no file")
    return Listed(base, tuple(path for _, path in sorted(commands)))


def write_manifest(folder: Path, listed: Listed) -> None:
    """Replace the manifest by one that lists these files, durably. OSError."""
    files = [] if listed.base is None else [(listed.base, "b")]
    files += [(path, "i") for path in listed.commands]
    lines = [f"file {path.name} seq {sequence(path)} type {kind}\n" for path, kind in files]
    temporary = folder / f"temp-{MANIFEST}"
    with temporary.open("w") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)


def sequence(path: Path) -> int:
    """Return the number in a file's name, as in ``appendonly.aof.2.incr.aof``; 0 without one."""
    found = _NUMBERED.fullmatch(path.name)
    return int(found[1]) if found else 0


def found_by_name(folder: Path) -> Listed | None:
    """Return the files a lost manifest must have listed; None when their names do not tell.

    Two base files mean that a rewrite had just ended: which changes the newer one has already is
    known to the manifest alone, and applying them twice would be wrong.
    """
    bases = list(folder.glob("appendonly.aof.*.base.rdb"))
    commands = sorted(folder.glob("appendonly.aof.*.incr.aof"), key=sequence)
    if len(bases) != 1:
        return None
    return Listed(bases[0], tuple(commands))
