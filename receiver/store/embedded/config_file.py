"""What the embedded Valkey is told, and where its data and its socket are."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from receiver.errors import ConfigError

SOCKET_NAME = "valkey.sock"

# sun_path holds 104 bytes on macOS and 108 on Linux, the final zero included. 100 leaves room.
MAX_SOCKET_PATH_BYTES = 100

# Bytes that Valkey's configuration parser wants escaped: controls, beyond ASCII, quote, backslash.
_UNSAFE = frozenset(range(0x20)) | frozenset(range(0x7F, 0x100)) | frozenset(b'"\\')

# Settings that a running server accepts too, so that an adopted one, which an older version of
# this service may have started, is brought up to date.
RUNTIME_SETTINGS: dict[str, str] = {
    # "always": a commit that was answered with 2xx is on the disk.
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    # The append-only file is the only persistence. Its rewrite keeps it short; a snapshot beside
    # it would cost a second fork and could never be newer.
    "save": "",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "64mb",
    # Evicting a key would lose an open incident without a word; a refused write is answered 503.
    "maxmemory-policy": "noeviction",
    # A hash whose values are all this short (bytes) stays one block of memory instead of a table.
    # It saves memory, not time. Measured on a record of 1.5 KB in a hash of 3 fields: 1,608 bytes
    # a hash instead of 1,831 (at 600 bytes: 712 instead of 934); HSET of a new one 10.2 us of CPU
    # instead of 9.3, HMGET 3.0 instead of 2.8, with runs of one setting up to 5 us apart.
    "hash-max-listpack-value": "8192",
}

START_SETTINGS: dict[str, str] = {
    # No TCP: other users of the machine must not read incidents. The socket is the owner's alone.
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "databases": "1",
    "loglevel": "notice",
    # To standard output, which is the log file; so assertions and linker errors land there too.
    "logfile": "",
    # After a power cut the last change may be half written. It was never answered, so it may go;
    # but the server would cut it off without a copy, and take a broken length, which swallows all
    # that follows it, for one. Its refusal makes us look (self_repair).
    "aof-load-truncated": "no",
}


def runtime_settings(max_memory: int) -> dict[str, str]:
    """Return what a running server is told; ``max_memory`` in bytes, 0 for no limit."""
    return RUNTIME_SETTINGS | {"maxmemory": str(max_memory)}


def render_config(data_dir: Path, socket_path: str, max_memory: int) -> str:
    """Text of the server's configuration file for this data and this socket."""
    settings = {
        "dir": str(data_dir),
        "unixsocket": socket_path,
        **START_SETTINGS,
        **runtime_settings(max_memory),
    }
    lines = ["# Written by incident-manager at each start of the server; changes are lost."]
    lines += [f"{name} {_quote(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    """Quote, so that any path survives."""
    return (
        '"'
        + "".join(f"\\x{byte:02x}" if byte in _UNSAFE else chr(byte) for byte in os.fsencode(value))
        + '"'
    )


def choose_socket_path(data_dir: Path) -> str:
    """Path of the socket: in the data directory, or in the temporary one when that is too deep.

    The same data directory gives the same path at every start (of one user and TMPDIR), which is
    how a server that outlived its service is found.
    """
    beside_data = data_dir / SOCKET_NAME
    if len(os.fsencode(beside_data)) <= MAX_SOCKET_PATH_BYTES:
        return str(beside_data)
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    name = f"im-{os.getuid()}-{digest}"
    in_temp = Path(tempfile.gettempdir()) / name / SOCKET_NAME
    if len(os.fsencode(in_temp)) <= MAX_SOCKET_PATH_BYTES:
        return str(in_temp)
    # TMPDIR itself is too deep; every Unix has /tmp, and the directory's owner is checked.
    return str(Path("/tmp") / name / SOCKET_NAME)  # noqa: S108


def ensure_private_directory(path: Path, setting: str) -> None:
    """Create ``path``, or take it as it is, with mode 700 and owned by this user.

    ``setting`` names in the error what to change. Errors: ``ConfigError`` when the path cannot
    be created, is no directory or a symbolic link, or belongs to somebody else: in a directory
    that is open to all, a stranger may have been there first.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{setting}: {path} is not a directory")
        if found.st_uid != os.getuid():
            raise ConfigError(
                f"{setting}: {path} belongs to the user with id {found.st_uid}, not to this one"
                f" ({os.getuid()}); choose another directory or change its owner"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"{setting}: cannot use {path}: {error.strerror}") from error
