"""The configuration, read anew while the service runs: what can hold does at once.

The rest (see ``reloadable``) was made at the start and stays; it is compared, and named.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from receiver.app.reloadable import held, later
from receiver.audit.notes import Audit
from receiver.errors import ConfigError
from receiver.settings.load import Loaded
from receiver.settings.model import Settings

NOTES = 20
Read = Callable[[], Loaded]


class Reloaded(NamedTuple):
    """What came of it: the sections that changed and need a restart, and what to warn of."""

    needs_restart: tuple[str, ...]
    warnings: tuple[str, ...]


class Note(NamedTuple):
    """One reload: when (ms), by whom, and what was wrong or needs a restart."""

    at: int
    by: str
    problems: tuple[str, ...]
    needs_restart: tuple[str, ...]
    warnings: tuple[str, ...]


class Reload:
    """Reads the configuration again, and has the rules of it hold."""

    def __init__(
        self,
        read: Read | None,
        running: Callable[[], Settings],
        hold: Callable[[Settings, Loaded], None],
        tell: Callable[[bool], None],
        audit: Callable[[], Audit],
        now: Callable[[], int],
    ) -> None:
        """``read`` as at the start; None: there is nothing to read. ``running()`` is what holds.

        ``hold(settings, what was read)`` has them hold; ``tell(whether it worked)`` is for the
        metrics. ``audit()``: where it is told; ``now()`` in ms.
        """
        self._read = read
        self._running = running
        self._hold = hold
        self._tell = tell
        self._audit = audit
        self._now = now
        self.began = now()
        self.notes: deque[Note] = deque(maxlen=NOTES)
        """The latest reloads of this process, the last one at the end."""
        self._one = asyncio.Lock()

    async def reload(self, by: str) -> Reloaded:
        """Do it, one at a time, and put into the audit who wanted it and what came of it.

        ConfigError with all that is wrong: then nothing has changed.
        """
        async with self._one:
            worked = False
            try:
                found = await self._once()
                worked = True
            except ConfigError as error:
                self._audit().reload(by, problems=error.problems)
                self.notes.append(Note(self._now(), by, tuple(error.problems), (), ()))
                raise
            finally:
                self._tell(worked)
            self.notes.append(Note(self._now(), by, (), *found))
            self._audit().reload(by, later=found.needs_restart, warnings=found.warnings)
            return found

    async def _once(self) -> Reloaded:
        if self._read is None:
            raise ConfigError("the service was started without a configuration to read again")
        loaded = await asyncio.to_thread(self._read)
        new = loaded.settings
        running = self._running()
        if unknown := tuple(_unknown(new, running)):
            raise ConfigError(*unknown)
        settings = held(running, new)
        self._hold(settings, loaded)
        return Reloaded(later(settings, new), loaded.warnings)


def _unknown(new: Settings, running: Settings) -> Iterator[str]:
    """Yield which policies name a notifier that does not run."""
    for policy, config in new.escalations.items():
        for name in sorted(set(config.named) - running.notifiers.keys()):
            yield (
                f"escalations.{policy}: names the notifier {name!r}, which is new: only a restart"
                " makes notifiers"
            )
