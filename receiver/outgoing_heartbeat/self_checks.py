"""Whether intake, Redis and delivery of this very process work; each returns "" or the problem."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping

from aiohttp import ClientError
from yarl import URL

from receiver.clock import Clock
from receiver.conditions import Conditions
from receiver.config.types import split_address
from receiver.engine.commit_health import CommitHealth
from receiver.engine.notifier_health import LONG_MS
from receiver.http.config import WebConfig
from receiver.http_client import HttpClient
from receiver.store.repair.put_off import PutOff
from receiver.store.tasks import TaskStore
from routing.duration import format_duration
from routing.vocabulary import Lane

OVERDUE_MS = 120_000
"""A task of the urgent lane that waits so long: nobody works, or far too few."""

ANSWER_MAX = 1_000
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here


def intake_url(web: WebConfig, port: int) -> str:
    """Return the URL of our own liveness; ``port`` is the one really listened on."""
    host = split_address(web.listen_address)[0]
    host = _WILDCARDS.get(host, host)
    host = f"[{host}]" if ":" in host else host
    scheme = "http" if web.tls_server_config is None else "https"
    return f"{scheme}://{host}:{port}{web.served_under[0]}/-/healthy"


async def check_intake(url: str, *, certified: bool = False) -> str:
    """Ask ourselves through the listening socket, over a connection of its own.

    ``certified``: whoever asks has to show a client certificate, and we have none: it is enough
    then that the port begins to speak TLS.
    """
    if certified:
        return await _check_tls(URL(url))
    client = HttpClient(timeout=None)  # of the caller
    try:
        # The certificate is for a name, and this is an address of ours: nothing secret is sent.
        answer = await client.ask("GET", url, most=ANSWER_MAX, cut=True, ssl=False)
    except (ClientError, OSError) as error:
        return str(error) or type(error).__name__
    finally:
        await client.close()
    return "" if answer.status == 200 else f"answers {answer.status}"  # noqa: PLR2004


async def _check_tls(url: URL) -> str:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    begun = context.wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        begun.do_handshake()
    try:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            writer.write(outgoing.read())
            found = await reader.read(1)
        finally:
            writer.close()
    except OSError as error:
        return str(error) or type(error).__name__
    return "" if found == _HANDSHAKE else "does not answer with TLS"


_HANDSHAKE = b"\x16"
"""What a record of a handshake begins with (RFC 8446, section 5.1)."""


async def check_redis(health: CommitHealth, conditions: Conditions) -> str:
    """Commit as a webhook does, where none just did; and look for what else refuses them."""
    return await health.check() or conditions.unready()


async def check_delivery(
    tasks: TaskStore,
    clock: Clock,
    outages: Callable[[], Mapping[str, int]] = dict,
    put_off: PutOff | None = None,
) -> str:
    """Look for work that nobody took up or that was put off too far, and for failing notifiers.

    A leased or postponed task is not overdue: its time is that of its next attempt. ``outages``
    returns for how long (ms) every attempt of a notifier has failed. StoreUnavailableError.
    """
    now = clock.now()
    for shard in range(len(tasks.keys)):
        due = await tasks.next_due(shard, Lane.URGENT)
        if due is not None and now - due > OVERDUE_MS:
            return f"an urgent task is {format_duration(now - due)} overdue"
    far = sum(map(len, await put_off.find(now))) if put_off else 0
    if far:
        return f"{far} tasks were put off further than anything may be"
    for name, length in outages().items():
        if length > LONG_MS:
            return f"every attempt of {name} failed for {format_duration(length)}"
    return ""
