"""Reaching Redis at the start, and refusing one that may forget incidents."""

import asyncio
import logging

from receiver.errors import ConfigError, StoreUnavailableError
from receiver.store.client import Client, unavailable_is_503

log = logging.getLogger("app")

START_WITHIN_S = 60.0


async def reach(redis: Client) -> None:
    """Wait for Redis; it may be starting at the same time as this service.

    StoreUnavailableError when it does not answer within a minute.
    """
    give_up = asyncio.get_running_loop().time() + START_WITHIN_S
    while True:
        try:
            async with unavailable_is_503():
                await redis.ping()
        except StoreUnavailableError as error:
            if asyncio.get_running_loop().time() > give_up:
                raise
            log.warning("waiting for Redis: %s", error)
            await asyncio.sleep(1)
        else:
            return


async def check_server(redis: Client) -> None:
    """Report how durable a server is; ConfigError for one that may evict incidents."""
    async with unavailable_is_503():
        # Of all answers redis-py decodes this one.
        config = await redis.config_get("maxmemory", "maxmemory-policy", "appendfsync")
    policy = config.get("maxmemory-policy", "noeviction")
    if config.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise ConfigError(
            f"redis.url: the server may evict incidents (maxmemory-policy {policy}); "
            "set maxmemory-policy noeviction"
        )
    log.info("external Redis, appendfsync %s", config.get("appendfsync", "unknown"))
