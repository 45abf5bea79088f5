"""Why data is refused: somebody else uses it, in words that say what to do."""

from pathlib import Path

from receiver.errors import StorageLockedError
from receiver.store.embedded.control import ServerAnswer

_ADVICE = "stop that one first, or give this one another --storage.path"


def in_use(data_dir: Path, by: str, process: object) -> StorageLockedError:
    """Return the error for data that somebody else has open."""
    return StorageLockedError(f"{data_dir} is in use by {by} (process {process}); {_ADVICE}")


def refuse_stranger(answer: ServerAnswer, socket: Path, data_dir: Path, *, held: bool) -> None:
    """Raise unless the server that answers at ``socket`` is on our data and holds its lock."""
    try:
        ours = Path(answer.directory).samefile(data_dir)
    except OSError:
        ours = False
    if not ours:
        raise StorageLockedError(
            f"{socket} is answered by a server on other data"
            f" ({answer.directory or 'unknown'}, process {answer.pid}); {_ADVICE}"
        )
    if not held:
        started = "a Valkey server that incident-manager did not start"
        raise in_use(data_dir, started, answer.pid)
