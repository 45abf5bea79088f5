"""The embedded server's files at rest: what is damaged, and mending it as far as is allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from receiver.store.embedded.append_only_damage import Damage, How, examine
from receiver.store.embedded.append_only_repair import mend
from receiver.store.embedded.file_lock import FileLock
from receiver.store.embedded.refusals import in_use

ROUNDS = 5
"""Damage that hides other damage: a list of files that cannot be read, then a file of it."""


@contextmanager
def at_rest(folder: Path) -> Iterator[None]:
    """Keep every service and server off the files; StorageLockedError when one has them."""
    service, server = FileLock(folder / "lock"), FileLock(folder / "server.lock")
    for lock, what in ((service, "an incident-manager"), (server, "a Valkey server")):
        if not lock.try_acquire():
            service.release()
            raise in_use(folder, what, (lock.read_note() or ["unknown"])[0])
    try:
        yield
    finally:
        server.release()
        service.release()


def plan(found: list[Damage], how: How) -> list[str]:
    """Return what is wrong, and what mending it would lose, in lines for people."""
    lines = []
    for damage in found:
        lines.append(f"{damage.path}: {damage.words}")
        ways = [how] if how is not How.UNASKED or damage.lost(how) else [How.SKIP, How.TRUNCATE]
        for way in ways:
            option = f"--{way.value}" if way is not How.UNASKED else "repair"
            lost = damage.lost(way)
            lines.append(f"  {option} loses {lost}" if lost else f"  {option} does not mend it")
    return lines


def mend_files(folder: Path, how: How) -> list[str]:
    """Mend what is damaged, and what only shows then; return what was done."""
    done: list[str] = []
    for _ in range(ROUNDS):
        found = examine(folder)
        if not found:
            break
        done += mend(folder, found, how)
    return done
