"""Reaching Redis at the start, and refusing one that may forget incidents."""

import asyncio
import logging
from contextlib import suppress

from redis.exceptions import NoPermissionError, ResponseError

from receiver.errors import ConfigError, StoreUnavailableError
from receiver.store.redis import Client, primaries, unavailable_is_503
from receiver.store.server.durability import Durability, judge, read_facts
from receiver.store.server.several import worst

log = logging.getLogger("app")

START_WITHIN_S = 60.0
_OTHERS = {
    "sentinel": "that is a Sentinel, which keeps no data: write redis+sentinel://HOST:PORT/SERVICE",
    "cluster": "that server is part of a Cluster: write redis+cluster://HOST:PORT,HOST:PORT (some"
    " of its servers; they name the others)",
}


async def reach(redis: Client) -> None:
    """Wait for Redis; it may be starting at the same time as this service.

    StoreUnavailableError when it does not answer within a minute.
    """
    give_up = asyncio.get_running_loop().time() + START_WITHIN_S
    while True:
        try:
            async with unavailable_is_503():
                # One that permits no PING answers; what it forbids is looked at next.
                with suppress(NoPermissionError):
                    await redis.ping()
        except StoreUnavailableError as error:
            if asyncio.get_running_loop().time() > give_up:
                raise
            log.warning("waiting for Redis: %s", error)
            await asyncio.sleep(1)
        else:
            return


async def check_server(
    redis: Client,
    *,
    accept_loss: bool,
    assured: bool,
    takeover: bool = False,
    waits: bool = False,
) -> Durability:
    """Return how durable a server is, and log it; ConfigError for one that may forget incidents.

    ``waits``: each commit will wait for replicas.
    """
    async with unavailable_is_503():
        servers = await primaries(redis)
    verdicts = {}
    for name, server in servers:
        facts = await read_facts(server)
        if facts.mode in _OTHERS and not name:
            raise ConfigError(f"redis.url: {_OTHERS[facts.mode]}")
        verdicts[name] = judge(facts, accept_loss=accept_loss, assured=assured, takeover=takeover)
    found = worst(verdicts)
    if found.refused:
        raise ConfigError(_refusal(found))
    for _, server in servers if waits else ():
        await _check_wait(server)
    level = logging.WARNING if found.problem else logging.INFO
    log.log(level, "external Redis, durability %s: %s", found.level, found.problem or "ok")
    return found


async def _check_wait(redis: Client) -> None:
    """Refuse with ConfigError a server at which every commit would be written and then fail."""
    async with unavailable_is_503():
        try:
            await redis.execute_command("WAIT", 0, 1)
        except ResponseError as error:
            raise ConfigError(
                f"redis.wait_replicas: this server lets nobody wait for its replicas ({error});"
                " permit its user +wait, or set it to 0"
            ) from None


def _refusal(found: Durability) -> str:
    lines = [f"redis.url: 202 has to mean durable, and this server may forget: {found.problem}"]
    lines += ["What mends it:", *(f"  {line}" for line in found.fix)]
    if "appendonly yes" in found.fix:
        # https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/, "How I can
        # switch to AOF, if I'm currently using dump.rdb snapshots?"
        lines.append(
            "Tell the running server first (redis-cli CONFIG SET appendonly yes), then write both"
            " into its file: one that restarts with appendonly yes and has no such file yet begins"
            " empty."
        )
    if "redis.durability: assured" in found.fix:
        lines.append(
            "if its provider promises that nothing acknowledged is lost; or permit its user"
            " +config|get and +info."
        )
    if found.acceptable:
        lines.append(
            "Or accept that alerts that were acknowledged are lost: redis.accept_loss: true"
        )
    return "\n".join(lines)
