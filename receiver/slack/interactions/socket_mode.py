"""Socket Mode: the same requests over a connection that we open, so that no port is needed.

docs.slack.dev, "Using Socket Mode": up to ten connections, any of which may get a request; a
request that is not acknowledged in 3 s is an error for whoever made it.

Of all processes and replicas two have a connection, each in its turn (``store.turns``): one, and
one more, so that the end of either is no pause. The others take the place of one that is gone, that
hangs, or that Slack cannot be reached from.
"""

import asyncio
import logging
import re

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from receiver.aio.background import end
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.proxies import proxy_of
from receiver.slack.interactions.router import Router
from receiver.store.replicas.turns import Turns

log = logging.getLogger("slack")

TURNS = ("slack_socket", "slack_socket_2")
LASTS_MS = 15_000
"""So long nobody takes the place of a process that hangs."""
LOOK_S = 3.0
"""How often a turn is gone on with, or looked for."""
GIVE_UP_S = 30.0
"""One that has not got a connection for so long leaves it to others, for as long again."""
CHECK_S = 5.0
"""How often slack-sdk looks whether the connection still lives, and tries again to connect."""


class _Brief(logging.Filter):
    """Takes the stack traces out of what slack-sdk says whenever Slack is away for a moment.

    The address of a connection has a ticket in it, which lets anybody open that connection.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if "ticket=" in message:
            record.msg, record.args = _TICKET.sub("ticket=***", message), ()
        if record.exc_info:
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


_TICKET = re.compile(r"ticket=[^&'\"\s)]+")
_sdk_log = logging.getLogger("slack.socket")
_sdk_log.addFilter(_Brief())


class SlackSocket:
    """Keeps a connection to Slack open while the service runs and it is its turn."""

    def __init__(self, router: Router, app_token: str, base_url: str, turns: Turns) -> None:
        self.router = router
        self._app_token = app_token
        self._base_url = base_url
        self._turns = turns
        self._client: SocketModeClient | None = None
        self._turn = ""
        """Which of ``TURNS`` is ours."""
        self._others = False
        """Whether all of them are others'."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def status(self) -> str:
        """Return ``ok``, or that there is no connection just now; the log says why.

        It is, too, while others have all there are to be: they say how those are.
        """
        return "ok" if self._others or self._connected else "not connected"

    @property
    def _connected(self) -> bool:
        session = self._client.current_session if self._client is not None else None
        return session is not None and not session.closed

    def start(self) -> None:
        """Connect when it is our turn, and again whenever the connection is lost."""
        self._tasks = [asyncio.create_task(self._keep())]

    async def close(self) -> None:
        """Close the connection, and leave it to others."""
        await end(self._tasks)
        await self._disconnect()
        await self._leave()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        well = loop.time()
        while True:
            try:
                await self._take()
            except StoreUnavailableError as error:
                # Nobody can take it meanwhile: the connection stays as it is.
                log.debug("whose turn it is cannot be asked: %s", error)
            if not self._turn:
                await self._disconnect()
            elif self._client is None:
                self._connect()
            if not self._turn or self._connected:
                well = loop.time()
            elif loop.time() - well > GIVE_UP_S:
                log.warning("no connection to Slack for %.0f s: left to others", GIVE_UP_S)
                await self._disconnect()
                await self._leave()
                await asyncio.sleep(GIVE_UP_S)
                well = loop.time()
            await asyncio.sleep(LOOK_S)

    async def _take(self) -> None:
        """Go on with our turn, else take one that is nobody's."""
        for name in (self._turn,) if self._turn else TURNS:
            if (await self._turns.take(name, LASTS_MS)).ours:
                self._turn, self._others = name, False
                return
        self._turn, self._others = "", True

    async def _leave(self) -> None:
        if self._turn:
            await self._turns.give_up(self._turn)
        self._turn = ""

    def _connect(self) -> None:
        client = self._client = self._new_client()
        # slack-sdk tries again until it works, and whenever the connection is lost.
        self._tasks[1:] = [asyncio.create_task(client.connect())]  # type: ignore[no-untyped-call]

    def _new_client(self) -> SocketModeClient:
        web_client = AsyncWebClient(base_url=self._base_url, retry_handlers=[], timeout=10)
        web_client.proxy = proxy_of(self._base_url)
        client = SocketModeClient(
            app_token=self._app_token, web_client=web_client, logger=_sdk_log, ping_interval=CHECK_S
        )
        # Both would take a proxy of the environment whatever NO_PROXY says.
        client.proxy = web_client.proxy
        client.socket_mode_request_listeners.append(self._listen)
        return client

    async def _disconnect(self) -> None:
        if self._client is not None:
            await end(self._tasks[1:])
            client, self._client = self._client, None
            await client.close()  # type: ignore[no-untyped-call]

    async def _listen(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        try:
            payload = await self.router.answer(request.type, request.payload)
        except StoreUnavailableError as error:
            # Unanswered, so that Slack tells whoever asked that it did not work.
            log.warning("a request of Slack is not answered: %s", error)
            return
        except PayloadError as error:
            log.warning("a request of Slack cannot be read: %s", error)
            payload = {}
        except Exception:
            log.exception("a request of Slack failed")
            return
        answer = SocketModeResponse(envelope_id=request.envelope_id, payload=payload or None)
        await client.send_socket_mode_response(answer)
