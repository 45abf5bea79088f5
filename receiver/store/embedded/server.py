"""The embedded Valkey: one server on one data directory, for as long as the service lives.

Who may touch the data is decided by two locks of the kernel, not by files that can be stale:

``lock``
    is held by the service process. A second service on the same path is refused.
``server.lock``
    is held by the server process, which inherits it from us at its start. As long as it is held a
    server lives on the data, whatever became of its socket or of the service, and no second one
    is started.

**A killed service leaves its server behind, on purpose.** Linux could end it too
(``PR_SET_PDEATHSIG``), but that signal is tied to the *thread* that started the child, so a
server would die under a living service when a worker thread ends; it needs Python code between
fork and exec, which is unsafe with threads; and macOS has nothing like it. So the orphan lives,
complete and warm, and the next start adopts it. A service that ends in any way but SIGKILL takes
its server along (``stop``, or the exit handler where ``stop`` was not reached).

The server runs in a session of its own: Ctrl-C in the terminal reaches the service alone, which
finishes its commits and then calls ``stop``. A supervisor that signals the whole control group
should not (systemd: ``KillMode=mixed``).
"""

import asyncio
import atexit
import contextlib
import logging
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import hiredis

from receiver.errors import (
    IncidentManagerError,
    StorageLockedError,
    StoreUnavailableError,
)
from receiver.store.embedded.append_only_damage import note_data, refuse_missing_files
from receiver.store.embedded.config_file import (
    choose_socket_path,
    ensure_private_directory,
    render_config,
)
from receiver.store.embedded.control import (
    apply_runtime_settings,
    ask,
    is_listening,
    shut_down,
    until_closed,
)
from receiver.store.embedded.file_lock import FileLock
from receiver.store.embedded.process import last_words, put_long_log_aside, spawn_server
from receiver.store.embedded.refusals import in_use, refuse_stranger
from receiver.store.embedded.self_repair import mend_unasked

# All in seconds of the monotonic clock.
ANSWER_WITHIN = 10.0  # silence of a server that holds the data; loading is not silence
STOP_WITHIN = 10.0  # after that the server is killed, which loses nothing that was answered
POLL_EVERY = 0.02
SETTLE_FOR = 0.2  # two ticks of a server (hz 10)
RESTART_DELAY_MAX = 5.0
STABLE_AFTER = 10.0  # a server that lived so long is restarted at once

_log = logging.getLogger(__name__)


class EmbeddedValkey:
    """A Valkey server on ``data_dir``, reachable through a socket of this user alone.

    ``start`` once, run ``watch`` as a task, ``stop`` at the end (also after a failed or cancelled
    ``start``). All three belong to one event loop.

    ``pid`` is the server's process (0 before the start); ``adopted`` is true when an earlier
    service process started it; ``restarts`` counts the times ``watch`` brought it back.
    """

    def __init__(self, data_dir: Path, max_memory: int = 0) -> None:
        """``max_memory``: bytes after which it refuses to write, 0 for no limit."""
        self.data_dir = data_dir.resolve()
        self._max_memory = max_memory
        self.socket_path = choose_socket_path(self.data_dir)
        self.pid = 0
        self.adopted = False
        self.restarts = 0
        self._service_lock = FileLock(self.data_dir / "lock")
        self._server_lock = FileLock(self.data_dir / "server.lock")
        self._log_path = self.data_dir / "valkey.log"
        self._owner = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = asyncio.Lock()
        self._stopping = False

    @property
    def url(self) -> str:
        """URL for redis-py, ``unix:///path``."""
        return f"unix://{quote(self.socket_path)}"

    async def start(self) -> None:
        """Return when a server on our data is loaded and answers; does nothing if one does.

        A living orphan is adopted; one that still loads or shuts down is waited for.
        Errors: ``StorageLockedError`` when another service, or a server this service did not
        start, uses the data or the socket; ``StoreUnavailableError`` when the server does not
        come up (with the end of its log), or its files are damaged beyond what a start may mend;
        ``ConfigError`` when the path cannot be used.
        """
        async with self._changing:
            self._stopping = False
            if self.pid:  # ours already; a dead one is brought back, and its lock kept
                await self._bring_up()
                return
            ensure_private_directory(self.data_dir, "storage.path")
            self._lock_storage()
            try:
                await self._bring_up()
            except BaseException:
                self._give_up()
                raise

    async def watch(self) -> None:
        """Keep the server alive until ``stop``; run it as a task after ``start``.

        A server that dies is started again, at once if it had been stable, else after a delay
        that doubles up to ``RESTART_DELAY_MAX``; it is tried for ever, as the service answers 503
        meanwhile. An open connection tells of the death, which works for an adopted server too.
        """
        failures = 0
        while not self._stopping:
            born = time.monotonic()
            await until_closed(self.socket_path)
            if self._stopping:
                return
            if time.monotonic() - born >= STABLE_AFTER:
                failures = 0
            if failures:
                await asyncio.sleep(min(0.1 * 2.0**failures, RESTART_DELAY_MAX))
            failures = min(failures + 1, 10)
            await self._restart()

    async def stop(self) -> None:
        """End the server, its append-only file complete, and let others use the data.

        Does nothing when not started. A server that does not end within ``STOP_WITHIN`` is
        killed; with fsync before every answer that loses nothing.
        """
        self._stopping = True
        async with self._changing:
            if not self._service_lock.held:
                return
            await self._end_server()
            self._remove_socket_directory()
            self._release_storage()

    # -- who uses the data ---------------------------------------------------------------------

    def _lock_storage(self) -> None:
        if not self._service_lock.try_acquire():
            holder = (self._service_lock.read_note() or ["unknown"])[0]
            raise in_use(self.data_dir, "another incident-manager", holder)
        self._owner = os.getpid()
        atexit.register(self._end_at_exit)
        self._service_lock.write_note(f"{os.getpid()} on {socket.gethostname()}")

    def _release_storage(self) -> None:
        atexit.unregister(self._end_at_exit)
        self.pid, self._process = 0, None
        self._service_lock.release()

    # -- bringing a server up ------------------------------------------------------------------

    async def _bring_up(self) -> None:
        """Return with a loaded server on our data: the living one, else a new one."""
        spawned = False
        deadline = time.monotonic() + ANSWER_WITHIN
        while True:
            free = self._server_lock.is_free()
            answer = await ask(self.socket_path)
            if answer is not None:
                refuse_stranger(answer, Path(self.socket_path), self.data_dir, held=not free)
                deadline = time.monotonic() + ANSWER_WITHIN
                if not answer.loading and await self._take(answer.pid):
                    return
            elif free and spawned:
                # Only a server that refuses its files makes them worth reading.
                if not await asyncio.to_thread(mend_unasked, self.data_dir):
                    raise StoreUnavailableError(
                        f"the embedded Valkey ended while it started; {last_words(self._log_path)}"
                    )
                spawned = False
            elif free:
                self._spawn()
                spawned = True
            elif time.monotonic() > deadline:
                raise self._silent()
            await asyncio.sleep(POLL_EVERY)

    def _spawn(self) -> None:
        """Start a server that holds ``server.lock``; the caller found that nobody does."""
        if self._process is not None:
            self._process.wait()  # ended, as its lock is free
        refuse_missing_files(self.data_dir)
        socket_directory = Path(self.socket_path).parent
        if socket_directory != self.data_dir:
            ensure_private_directory(socket_directory, "storage.path is deep, so the socket's")
        if not self._server_lock.try_acquire():
            return
        try:
            # No server of ours lives, so a socket that is listened to is a stranger's.
            if is_listening(self.socket_path):
                raise StorageLockedError(
                    f"{self.socket_path} is in use by a process that is no server of ours;"
                    " stop it first, or give this one another --storage.path"
                )
            Path(self.socket_path).unlink(missing_ok=True)
            config = self.data_dir / "valkey.conf"
            config.write_text(render_config(self.data_dir, self.socket_path, self._max_memory))
            put_long_log_aside(self._log_path)
            self._process = spawn_server(config, self._log_path, self._server_lock.fileno)
            self._server_lock.write_note(str(self._process.pid))
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot start the embedded Valkey in {self.data_dir}: {error}"
            ) from error
        finally:
            self._server_lock.release()  # our share; the server keeps its own

    async def _take(self, pid: int) -> bool:
        """Make the answering server ours; false when it turns out to be on its way out."""
        if self._process is not None and self._process.pid == pid:
            self.pid, self.adopted = pid, False
        elif pid != self.pid:
            # A signalled server answers on until its next tick; look again after it.
            await asyncio.sleep(SETTLE_FOR)
            again = await ask(self.socket_path)
            if again is None or again.pid != pid:
                return False
            try:
                await apply_runtime_settings(self.socket_path, self._max_memory)
            except (OSError, hiredis.HiredisError) as error:
                raise StoreUnavailableError(
                    f"cannot adopt the embedded Valkey (process {pid}): {error}"
                ) from error
            self.pid, self.adopted = pid, True
            _log.info("adopted the embedded Valkey (process %d) of an earlier run", pid)
        note_data(self.data_dir)
        return True

    # -- losing and ending it ------------------------------------------------------------------

    async def _restart(self) -> None:
        """Try once to have a server again; a failure is logged and left to the next round."""
        async with self._changing:
            if self._stopping:
                return
            old = self.pid
            try:
                await self._bring_up()
            except (IncidentManagerError, OSError) as error:
                _log.error("the embedded Valkey is down and does not start: %s", error)
                return
            if self.pid != old:
                self.restarts += 1
                _log.error("the embedded Valkey (process %d) died; %d replaces it", old, self.pid)

    async def _end_server(self) -> None:
        await shut_down(self.socket_path)
        if not await self._has_ended():
            _log.warning("the embedded Valkey (process %d) did not end; killing it", self.pid)
            self._signal(signal.SIGKILL)
            if not await self._has_ended():
                _log.error("the embedded Valkey (process %d) cannot be ended", self.pid)

    async def _has_ended(self) -> bool:
        """Whether the server ends within ``STOP_WITHIN``; the kernel frees its lock only then."""
        deadline = time.monotonic() + STOP_WITHIN
        while not self._server_lock.is_free():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_EVERY)
        if self._process is not None:
            self._process.wait()
        return True

    def _give_up(self) -> None:
        """Leave after a failed or cancelled start: no server of this start, no lock."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()  # it has answered nobody, so it has nothing to finish
            self._process.wait()
        self._release_storage()

    def _end_at_exit(self) -> None:
        """Take the server along when the service ends without ``stop`` (not after a fork)."""
        if self._owner != os.getpid() or self._server_lock.is_free():
            return
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        while not self._server_lock.is_free() and time.monotonic() < deadline:
            time.sleep(POLL_EVERY)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server; the caller found it alive by its lock, so the number is its own."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _remove_socket_directory(self) -> None:
        directory = Path(self.socket_path).parent
        if directory != self.data_dir:
            with contextlib.suppress(OSError):
                directory.rmdir()

    def _silent(self) -> StoreUnavailableError:
        pid = (self._server_lock.read_note() or ["unknown"])[0]
        return StoreUnavailableError(
            f"a Valkey server (process {pid}) holds {self.data_dir} but does not answer at"
            f" {self.socket_path}; end that process (kill {pid}) and start again"
        )
