"""Socket Mode: the same requests over a connection that we open, so that no port is needed.

docs.slack.dev, "Using Socket Mode": up to ten connections, any of which may get a request; a
request that is not acknowledged in 3 s is an error for whoever made it.
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

log = logging.getLogger("slack")

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
    """Keeps one connection to Slack open while the service runs."""

    def __init__(self, router: Router, app_token: str, base_url: str) -> None:
        self.router = router
        web_client = AsyncWebClient(base_url=base_url, retry_handlers=[], timeout=10)
        web_client.proxy = proxy_of(base_url)
        self._client = SocketModeClient(
            app_token=app_token, web_client=web_client, logger=_sdk_log, ping_interval=CHECK_S
        )
        # Both would take a proxy of the environment whatever NO_PROXY says.
        self._client.proxy = web_client.proxy
        self._client.socket_mode_request_listeners.append(self._listen)
        self._task: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """Return ``ok``, or that there is no connection just now; the log says why."""
        session = self._client.current_session
        return "ok" if session is not None and not session.closed else "not connected"

    def start(self) -> None:
        """Connect; slack-sdk tries again until it works, and whenever the connection is lost."""
        self._task = asyncio.create_task(self._client.connect())  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close the connection."""
        await end([self._task])
        await self._client.close()  # type: ignore[no-untyped-call]

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
