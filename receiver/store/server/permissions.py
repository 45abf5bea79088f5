"""What the service's user must be allowed to do, asked of the server without doing any of it.

Each command is queued in a transaction that is thrown away: a server looks up whether it knows and
permits a command when it is queued. WAIT, CONFIG and INFO are not among them: what is missing
without those is said where it matters. SCRIPT and KEYS are never used.
"""

from collections.abc import Mapping

from redis.exceptions import ExecAbortError, NoPermissionError, ResponseError

from receiver.errors import ConfigError
from receiver.store.keys import Keys
from receiver.store.redis import Client, primaries, unavailable_is_503

_KEY = Keys(0).event("permitted")
_AFTER_KEY: Mapping[str, int] = {
    **dict.fromkeys(("DEL", "EXISTS", "GET", "GETEX", "MGET", "PERSIST", "PTTL", "STRLEN"), 0),
    **dict.fromkeys(("TYPE", "UNLINK"), 0),
    **dict.fromkeys(("PEXPIRE", "PEXPIREAT", "SET"), 1),
    **dict.fromkeys(("GETRANGE", "SETRANGE"), 2),
    **dict.fromkeys(("HGETALL", "HKEYS", "HLEN"), 0),
    **dict.fromkeys(("HDEL", "HGET", "HMGET", "HSCAN"), 1),
    **dict.fromkeys(("HINCRBY", "HSET", "HSETNX"), 2),
    **dict.fromkeys(("LLEN",), 0),
    **dict.fromkeys(("LINDEX", "LPUSH", "RPUSH"), 1),
    **dict.fromkeys(("LRANGE", "LREM", "LTRIM"), 2),
    **dict.fromkeys(("SMEMBERS",), 0),
    **dict.fromkeys(("SADD", "SREM"), 1),
    **dict.fromkeys(("ZCARD", "ZPOPMIN"), 0),
    **dict.fromkeys(("ZMSCORE", "ZREM", "ZSCAN", "ZSCORE"), 1),
    **dict.fromkeys(("ZADD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE"), 2),
    **dict.fromkeys(("XRANGE", "XREVRANGE"), 2),
    "XADD": 3,
    **dict.fromkeys(("ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZREVRANGEBYSCORE"), 2),
}
"""Command on one key -> how many more words it needs at least."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    **{name: (_KEY, *["1"] * more) for name, more in _AFTER_KEY.items()},
    "EVAL": ("return 1", "1", _KEY),
    "EVALSHA": ("0" * 40, "1", _KEY),
    "PING": (),
    "RENAME": (_KEY, _KEY),
    "SCAN": ("0",),
    "TIME": (),
}
"""Command -> words it can be queued with."""
_FORBIDS = ("unknown command", "ERR unknown command")


async def check_permitted(redis: Client) -> None:
    """Refuse with ConfigError a server whose user may not do what the service does."""
    async with unavailable_is_503():
        for name, server in await primaries(redis):
            # Without MULTI all of it would be done.
            said = await _ask(server, {"MULTI": (), "DISCARD": (), "EXEC": ()})
            if not said:
                said = await _ask(server, {"MULTI": (), **NEEDED, "DISCARD": ()})
            if said:
                raise _refusal(name, said)


def _refusal(server: str, said: Mapping[str, str]) -> ConfigError:
    names = sorted(said)
    rights = " ".join(f"+{name.lower()}" for name in names)
    which = f"{server} of the Cluster" if server else "this server"
    return ConfigError(
        f"redis.url: {which} does not let its user do what is needed: {', '.join(names)}"
        f" ({said[names[0]]}). Permit it {rights}, on the keys ~im:*"
    )


async def _ask(redis: Client, commands: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the commands that are forbidden or unknown, each with the server's words."""
    async with redis.pipeline(transaction=False) as pipeline:
        for name, words in commands.items():
            # As bytes: redis-py would make something of an answer that is QUEUED.
            pipeline.execute_command(name.encode(), *words)
        answers = await pipeline.execute(raise_on_error=False)
    return {
        name: str(answer)
        for name, answer in zip(commands, answers, strict=True)
        if isinstance(answer, ResponseError) and _forbids(answer)
    }


def _forbids(answer: ResponseError) -> bool:
    # EXEC has a code of its own for that, too: "Transaction discarded because of: ...".
    aborted = isinstance(answer, ExecAbortError) and "permission" in str(answer)
    return isinstance(answer, NoPermissionError) or aborted or str(answer).startswith(_FORBIDS)
