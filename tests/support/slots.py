"""Whatever is sent at once has its keys in one slot: held against every test, on any server.

A Cluster refuses the rest, and no other server would notice.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from redis.asyncio.client import Pipeline

from receiver.store import redis as module
from receiver.store.server.cluster_commands import keys_of, slot_of

_SEVERAL = ("DEL", "EXISTS", "MGET", "RENAME", "UNLINK")
"""Commands of ours whose words are keys."""


class SlotsError(AssertionError):
    """Keys of several slots."""


def keys_in(args: Sequence[Any]) -> list[Any]:
    """Return all keys of a command that may have several; [] for others."""
    name = args[0]
    if name in ("EVAL", "EVALSHA"):
        return list(args[3 : 3 + int(args[2])])
    return list(args[1:]) if name in _SEVERAL else []


@contextmanager
def checked(found: list[str]) -> Iterator[None]:
    """Check what is sent to a server while the block runs; what is wrong is raised, and noted."""

    def check(keys: Sequence[Any]) -> None:
        if len({slot_of(key) for key in keys}) > 1:
            found.append(f"in several slots: {keys}")
            raise SlotsError(found[-1])

    pack = module._Packing.pack_command
    execute, transact = Pipeline._execute_pipeline, Pipeline._execute_transaction

    def packed(self: Any, *args: Any) -> Any:
        check(keys_in(args))
        return pack(self, *args)

    async def executed(self: Any, connection: Any, commands: Any, raise_on_error: Any) -> Any:
        for args, _ in commands:
            check(keys_in(args))
        return await execute(self, connection, commands, raise_on_error)

    async def transacted(self: Any, connection: Any, commands: Any, raise_on_error: Any) -> Any:
        check([*keys_of(commands), *(key for args, _ in commands for key in keys_in(args))])
        return await transact(self, connection, commands, raise_on_error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._Packing, "pack_command", packed)
        patch.setattr(Pipeline, "_execute_pipeline", executed)
        patch.setattr(Pipeline, "_execute_transaction", transacted)
        yield
