"""One call of Slack's Web API through slack-sdk, with exactly one attempt."""

import asyncio
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from receiver.notify.notifier import Rejected, Retry
from receiver.proxies import proxy_of
from receiver.slack.client.errors import NOT_SLACK, Answer, classify


class SlackApi:
    """Calls with one token. slack-sdk's own retries are off: they would post twice."""

    def __init__(self, token: str, base_url: str, timeout: float) -> None:
        """``timeout`` in seconds, for the whole of a call."""
        self._token = token
        self._base_url = base_url
        self._timeout = timeout
        self._session: ClientSession | None = None
        self._client: AsyncWebClient | None = None

    async def call(self, method: str, **arguments: Any) -> Answer | Retry | Rejected:
        """Make one call; every way it can end is a value."""
        try:
            data = (await getattr(self._connected(), method)(**arguments)).data
        except SlackApiError as error:
            return classify(error.response)
        except ClientConnectorError as error:
            return Retry(f"network: {error}", unknown=False, cause="network")
        except TimeoutError:
            return Retry(
                f"network: no answer in {self._timeout:g} s", unknown=True, cause="timeout"
            )
        except (ClientError, SlackClientError, OSError, ValueError) as error:
            words = str(error)[:200] or type(error).__name__
            return Retry(f"network: {words}", unknown=True, cause="network")
        except (AttributeError, TypeError, RecursionError):
            # slack-sdk takes any text and any JSON for an object.
            data = None
        if isinstance(data, dict) and data.get("ok") is True:
            return dict(data)
        return Retry(NOT_SLACK.format(200), unknown=True, cause="server")

    def _connected(self) -> AsyncWebClient:
        if self._client is None:
            # With a session of our own slack-sdk's timeout is not applied: the session has it.
            self._session = ClientSession(timeout=ClientTimeout(total=self._timeout))
            self._client = AsyncWebClient(
                token=self._token,
                base_url=self._base_url,
                session=self._session,
                retry_handlers=[],
            )
            # slack-sdk reads the proxy variables but not NO_PROXY.
            self._client.proxy = proxy_of(self._base_url)
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            # aiohttp closes its transports in the next turn of the loop.
            await asyncio.sleep(0)
