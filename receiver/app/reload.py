"""The configuration, read anew while the service runs: what decides holds at once.

What is made of the other sections (ports, notifiers, credentials, connections) was made at the
start and stays; they are compared, and named.
"""

import asyncio
from collections.abc import Callable, Iterator

from receiver.errors import ConfigError
from receiver.settings.load import Loaded
from receiver.settings.model import Settings

HELD = ("route", "classify", "priorities", "escalations", "calendars", "roles")
"""The sections that decide: nothing but the rules is made of them."""

Read = Callable[[], Loaded]


class Reload:
    """Reads the configuration again, and has the rules of it hold."""

    def __init__(
        self,
        settings: Settings,
        read: Read | None,
        hold: Callable[[Settings], None],
        tell: Callable[[bool], None],
    ) -> None:
        """``read`` as at the start; None: there is nothing to read.

        ``hold(settings)`` makes rules of them; ``tell(whether it worked)`` is for the metrics.
        """
        self._settings = settings
        self._read = read
        self._hold = hold
        self._tell = tell
        self._one = asyncio.Lock()

    async def reload(self) -> tuple[list[str], tuple[str, ...]]:
        """Return the sections that changed and need a restart, and what to warn of.

        ConfigError with all that is wrong: then nothing has changed. One at a time.
        """
        async with self._one:
            worked = False
            try:
                found = await self._once()
                worked = True
            finally:
                self._tell(worked)
            return found

    async def _once(self) -> tuple[list[str], tuple[str, ...]]:
        if self._read is None:
            raise ConfigError("the service was started without a configuration to read again")
        loaded = await asyncio.to_thread(self._read)
        new = loaded.settings
        unknown = list(_unknown(new, self._settings))
        if unknown:
            raise ConfigError(*unknown)
        held = self._settings.model_copy(update={name: getattr(new, name) for name in HELD})
        self._hold(held)
        self._settings = held
        later = [
            name
            for name in Settings.model_fields
            if name not in HELD and getattr(new, name) != getattr(held, name)
        ]
        return later, loaded.warnings


def _unknown(new: Settings, running: Settings) -> Iterator[str]:
    """Yield which policies name a notifier that does not run."""
    for policy, config in new.escalations.items():
        named = {name for step in config.steps for name in step.notify} | set(config.remind)
        for name in sorted(named - running.notifiers.keys()):
            yield (
                f"escalations.{policy}: names the notifier {name!r}, which is new: only a restart"
                " makes notifiers"
            )
