"""Which key a command is about, and in which slot of a Cluster that is."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis.crc import key_slot

Command = tuple[tuple[Any, ...], dict[str, Any]]
"""A command's words, and what redis-py makes of its answer."""
_KEYLESS = frozenset(("PING", "SCAN", "TIME", "WAIT"))


def slot_of(key: str | bytes) -> int:
    """Return the slot of a key."""
    return int(key_slot(key if isinstance(key, bytes) else key.encode()))


def key_of(args: Sequence[Any]) -> str | bytes | None:
    """Return the first key of a command, None for one that has none."""
    name = args[0]
    if name in ("EVAL", "EVALSHA"):
        key = args[3]
    elif name in _KEYLESS:
        return None
    else:
        key = args[1]
    return key if isinstance(key, (str, bytes)) else str(key)


def keys_of(commands: Iterable[Command]) -> list[str | bytes]:
    """Return the first keys of those that have one."""
    keys = (key_of(args) for args, _ in commands)
    return [key for key in keys if key is not None]
