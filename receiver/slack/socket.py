"""Socket Mode: the same requests over a connection that we open, so that no port is needed.

docs.slack.dev, "Using Socket Mode": up to ten connections, any of which may get a request; a
request that is not acknowledged in 3 s is an error for whoever made it.
"""

import asyncio
import logging

from aiohttp import ClientError
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from receiver.errors import PayloadError, StoreUnavailableError
from receiver.notify.slack_api import is_direct
from receiver.slack.front import Front

log = logging.getLogger("slack")

RETRY_S = 1.0
RETRY_MAX_S = 30.0


class SlackSocket:
    """Keeps one connection to Slack open while the service runs."""

    def __init__(self, front: Front, app_token: str, base_url: str) -> None:
        self._front = front
        web_client = AsyncWebClient(base_url=base_url, retry_handlers=[], timeout=10)
        if is_direct(base_url):
            web_client.proxy = None
        self._client = SocketModeClient(app_token=app_token, web_client=web_client)
        self._client.socket_mode_request_listeners.append(self._listen)
        self._task: asyncio.Task[None] | None = None
        self._problem = "connecting"

    @property
    def status(self) -> str:
        """Return ``ok``, or why there is no connection."""
        return self._problem or "ok"

    def start(self) -> None:
        """Connect, and try again until it works; the client keeps the connection from then on."""
        self._task = asyncio.create_task(self._connect())

    async def close(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        pause = RETRY_S
        while True:
            try:
                await self._client.connect()  # type: ignore[no-untyped-call]
            except (SlackClientError, ClientError, TimeoutError, OSError) as error:
                self._problem = str(error)[:200] or type(error).__name__
                log.warning("no Socket Mode connection to Slack: %s", self._problem)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MAX_S)
                continue
            self._problem = ""
            log.info("connected to Slack by Socket Mode")
            return

    async def _listen(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        try:
            payload = await self._front.answer(request.type, request.payload)
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
