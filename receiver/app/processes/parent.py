"""The parent: holds the ports and the embedded server, and keeps its children alive.

It serves nobody itself. The sockets that are listened on are its own for as long as it lives, and
every child takes connections from them: one that is killed or replaced takes only those along that
it had accepted, and none is refused. A child that cannot start because of its configuration ends
the whole where it is the first; later, the others go on.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from receiver.aio.background import end
from receiver.aio.messages import GoneError, Handler
from receiver.app.life import Life
from receiver.app.processes.child import Child
from receiver.app.processes.part import ANSWER_S, RELOAD_S, State
from receiver.app.processes.totals import Totals
from receiver.errors import ConfigError, IncidentManagerError
from receiver.http.handed_over import opened
from receiver.observability.metrics.whole import Figures
from receiver.settings.model import Settings

if TYPE_CHECKING:
    from receiver.store.embedded.server import EmbeddedValkey

log = logging.getLogger("processes")

STABLE_S = 10.0
"""One that lived so long is started again at once."""
DELAY_S, DELAY_MAX_S = 0.5, 30.0
SAID_FOR_S = 60.0
"""For how long it is said that one has ended."""
TELL_S = 1.0
ALIVE_S = 5.0
HANGS_S = 30.0
"""One that does not answer for so long is killed: what it holds is done by others then."""
STOP_S = 30.0
"""Beyond ``web.shutdown_delay``: what is not done by then is cut off."""
BIND_S = 5.0
"""The children of a parent that was killed need a moment to leave the ports."""


class Parent:
    """Runs ``settings.web.processes`` children until ``stop``."""

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str],
        handed: Mapping[str, list[socket.socket]] = {},
    ) -> None:
        """``command``: what a child is started with, after the interpreter.

        ``handed``: sockets that this process was given by whoever started it.
        """
        self._settings = settings
        self._handed = handed
        self._command = command
        self._life = Life()
        self._sockets: dict[str, list[socket.socket]] = {}
        self._embedded: EmbeddedValkey | None = None
        self._totals = Totals()
        self._children: dict[int, Child] = {}
        self._leaving: list[Child] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._said: dict[int, tuple[float, str]] = {}
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Lock()

    @property
    def wanted(self) -> int:
        """How many children there should be."""
        return self._settings.web.processes

    async def start(self) -> str:
        """Return when all answer, with the first one's words; IncidentManagerError."""
        try:
            await self._prepare()
            first = await self._first()
            self._keep(first)
            rest = [await self._begin(number) for number in range(2, self.wanted + 1)]
            await asyncio.gather(*(one.starts() for one in rest))
            for child in rest:
                self._keep(child)
        except BaseException:
            await self.stop(hurry=True)
            raise
        self._life.beside(self._tell())
        self._life.beside(self._look_for_hung())
        return first.welcome

    async def stop(self, *, hurry: bool) -> None:
        """End all children, each of which finishes what is under way, then everything else."""
        self._stopping.set()
        await end(self._keeping)
        await self._life.end_work()
        children = [*self._children.values(), *self._leaving]
        for child in children:
            child.messages.tell("stop", hurry)
        delay = 0 if hurry else self._settings.web.shutdown_delay / 1000
        await asyncio.gather(*(self._gone(child, delay + STOP_S) for child in children))
        for one in (one for held in self._sockets.values() for one in held):
            one.close()
        await self._life.stop()

    def hurry(self) -> None:
        """Have children that stop wait for nobody any more."""
        for child in self._children.values():
            child.messages.tell("stop", body=True)

    async def reload(self, by: str) -> tuple[list[str], list[str], list[str]]:
        """Have every child read the configuration anew: problems, what needs a restart, warnings.

        Without problems it holds in all of them.
        """
        children = list(self._children.values())
        with contextlib.suppress(TimeoutError):
            # One that starts may have read the file before it was changed.
            await asyncio.wait_for(asyncio.gather(*(one.starts() for one in children)), RELOAD_S)
        answers = await asyncio.gather(*(self._reloaded(child, by) for child in children))
        problems = dict.fromkeys(words for answer in answers for words in answer[0])
        if problems and not all(answer[0] for answer in answers):
            took = sum(not answer[0] for answer in answers)
            words = f"{took} of {len(answers)} processes took it, the others did not: try again"
            problems = dict.fromkeys([words, *problems])
        later, warnings = (
            list(dict.fromkeys(words for answer in answers for words in answer[at]))
            for at in (1, 2)
        )
        return list(problems), later, warnings

    async def replace_all(self) -> None:
        """Put a new process in the place of each, one by one, and refuse nobody meanwhile."""
        async with self._rolling:
            for number in list(self._children):
                if self._stopping.is_set() or not await self._replace(number):
                    return
            log.info("all %d processes were replaced", self.wanted)

    # -- start and end ---------------------------------------------------------------------------

    async def _prepare(self) -> None:
        settings = self._settings
        if not settings.redis.url:
            # Imported only when used: it needs Unix (flock), an external server does not.
            from receiver.store.embedded.server import EmbeddedValkey  # noqa: PLC0415

            storage = settings.storage
            embedded = EmbeddedValkey(Path(storage.path) / "valkey", storage.max_memory)
            self._embedded = embedded
            self._life.on_stop("the embedded server", embedded.stop)
            await embedded.start()
            watch = asyncio.create_task(embedded.watch())
            self._life.on_stop("the embedded server's watch", lambda: end([watch]))
        addresses = {"api": settings.web.listen_address}
        if settings.observability.prometheus_enabled:
            addresses["metrics"] = settings.web.metrics_address
        if settings.status_page.listen_address and settings.status_page.components:
            addresses["status"] = settings.status_page.listen_address
        for port, address in addresses.items():
            self._sockets[port] = await _bound(port, address, self._handed)

    async def _first(self) -> Child:
        """Start the first alone: what keeps one from starting would be said by each."""
        first = await self._begin(1)
        if not await first.starts():
            raise ConfigError(first.outcome)
        return first

    async def _begin(self, number: int) -> Child:
        """Start a child, in the place of the one of its number."""
        child = self._children[number] = await self._started(number)
        return child

    async def _started(self, number: int) -> Child:
        child = Child(number)
        handlers: dict[str, Handler] = {
            "page": partial(self._page, child),
            "last": partial(self._told, child),
            "standings": partial(self._standings, child),
            "reload": self.reload,
        }
        child.messages.handlers |= handlers
        url = self._embedded.url if self._embedded else ""
        await child.start(self._command, self.wanted, self._sockets, url)
        return child

    async def _gone(self, child: Child, within: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.ended.wait(), within)
        if not child.ended.is_set():
            log.error("process %d (%d) does not end, and is killed", child.number, child.pid)
            child.signal(signal.SIGKILL)
            await child.ended.wait()

    # -- keeping them alive ----------------------------------------------------------------------

    def _keep(self, child: Child) -> None:
        self._keeping.append(asyncio.create_task(self._kept(child)))

    async def _kept(self, child: Child) -> None:
        """Have a child of this number for ever."""
        number, failures = child.number, 0
        while True:
            await child.ended.wait()
            self._totals.end(child.pid)
            if self._children[number] is not child:
                child = self._children[number]  # another has taken its place
                continue
            now = asyncio.get_running_loop().time()
            failures = 0 if now - child.since >= STABLE_S else failures + 1
            delay = min(DELAY_S * 2.0 ** (failures - 1), DELAY_MAX_S) if failures else 0.0
            again = f"in {delay:g} s" if delay else "at once"
            words = f"process {number} (pid {child.pid}) {child.outcome}"
            self._said[number] = now, words
            log.error("%s; another one starts %s", words, again)
            self._tell_now()
            await asyncio.sleep(delay)
            child = await self._begin(number)

    async def _replace(self, number: int) -> bool:
        """Put a new process in the place of one; False: it does not start, the old one stays."""
        old, new = self._children[number], await self._started(number)
        if not await new.starts():
            log.error("processes are not replaced: the new one of %d %s", number, new.outcome)
            return False
        self._children[number] = new
        self._leaving.append(old)
        old.messages.tell("leave")
        await self._gone(old, STOP_S)
        self._leaving.remove(old)
        return True

    async def _look_for_hung(self) -> None:
        heard: dict[int, float] = {}
        while True:
            await asyncio.sleep(ALIVE_S)
            ready = [one for one in self._children.values() if one.ready.is_set()]
            await asyncio.gather(*(self._look_at(child, heard) for child in ready))

    async def _look_at(self, child: Child, heard: dict[int, float]) -> None:
        now = asyncio.get_running_loop().time()
        heard.setdefault(child.pid, now)
        with contextlib.suppress(GoneError):
            await child.messages.ask("alive", None, ANSWER_S)
            heard[child.pid] = now
        if now - heard[child.pid] > HANGS_S and not child.ended.is_set():
            words = "process %d (pid %d) has not answered for %.0f s, and is killed"
            log.error(words, child.number, child.pid, now - heard[child.pid])
            child.signal(signal.SIGKILL)

    async def _tell(self) -> None:
        """Tell the children how all of them are."""
        while True:
            self._tell_now()
            await asyncio.sleep(TELL_S)

    def _tell_now(self) -> None:
        state = msgspec.to_builtins(self._state())
        for child in self._children.values():
            child.messages.tell("state", state)

    def _state(self) -> State:
        now = asyncio.get_running_loop().time()
        up = [
            one for one in self._children.values() if one.ready.is_set() and not one.ended.is_set()
        ]
        words = [text for at, text in self._said.values() if now - at < SAID_FOR_S]
        if len(up) < self.wanted:
            words.insert(0, f"{len(up)} of {self.wanted} processes answer")
        return State(len(up), self.wanted, "; ".join(words))

    # -- what children ask -----------------------------------------------------------------------

    async def _told(self, child: Child, body: Any) -> None:
        self._totals.told(child.pid, msgspec.convert(body, Figures))

    async def _page(self, child: Child, body: Any) -> Figures:
        """Return what a child is to show on its page of metrics, for all."""
        await self._told(child, body)
        others = [one for one in self._living() if one is not child]
        await asyncio.gather(*(self._figures(one) for one in others))
        return self._totals.whole(child.pid)

    async def _figures(self, child: Child) -> None:
        with contextlib.suppress(GoneError):
            await self._told(child, await child.messages.ask("figures", None, ANSWER_S))

    async def _standings(self, child: Child, _body: Any) -> list[Any]:
        others = [one for one in self._living() if one is not child]
        found = await asyncio.gather(*(_standing(one) for one in others))
        return [one for one in found if one is not None]

    def _living(self) -> list[Child]:
        every = (*self._children.values(), *self._leaving)
        return [one for one in every if one.ready.is_set()]

    async def _reloaded(self, child: Child, by: str) -> tuple[list[str], list[str], list[str]]:
        try:
            found = await child.messages.ask("reload", by, RELOAD_S)
        except GoneError as error:
            return [f"process {child.number}: {error}"], [], []
        return msgspec.convert(found, tuple[list[str], list[str], list[str]])


async def _standing(child: Child) -> Any:
    with contextlib.suppress(GoneError):
        return await child.messages.ask("standing", None, ANSWER_S)
    return None


async def _bound(
    port: str, address: str, handed: Mapping[str, list[socket.socket]]
) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    until = loop.time() + BIND_S
    while True:
        try:
            return await asyncio.to_thread(opened, port, address, handed)
        except IncidentManagerError:
            if port in handed or loop.time() > until:
                raise
        await asyncio.sleep(0.2)
