"""POST /v1/slack/actions, /v1/slack/commands and /v1/slack/events: what Slack sends over HTTP.

The signature is checked over the raw body, within Slack's 5 minutes by the service's clock or this
machine's. A press that was applied
already changes nothing: the commit knows its id.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from pydantic import SecretStr
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.asked.body import read_signed
from receiver.http.asked.spec import Media, Spec
from receiver.http.routes import Who, serves
from receiver.slack.interactions.router import Router

log = logging.getLogger("slack")


class _Time(SignatureClock):
    """A clock (seconds) in the form slack-sdk asks for."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


READ = Spec(
    {200: Media(("application/json", "application/octet-stream"), dict[str, Any])}, lenient=True
)
"""What Slack is answered: nothing, or what it is to show."""


class SlackEndpoint:
    """Takes signed requests of Slack."""

    def __init__(self, router: Router, secret: SecretStr | None, clock: Clock) -> None:
        self._clock = clock
        self.use(router, secret)

    def use(self, router: Router, secret: SecretStr | None) -> None:
        """Have this answer, and believe what is signed with this secret."""
        self._router = router
        # Slack stamps by the world's time. While a clock here is being set right, the service's and
        # this machine's differ, and either may be wrong: nobody must be kept from acknowledging.
        clocks = (lambda: self._clock.now() / 1000, self._clock.wall)
        self._verifiers = (
            [SignatureVerifier(secret.get_secret_value(), _Time(now)) for now in clocks]
            if secret
            else []
        )

    async def close(self) -> None:
        """Finish what goes on after answers."""
        await self._router.close()

    @serves("POST", "/v1/slack/actions", Who.SLACK, spec=READ)
    async def actions(self, request: web.Request) -> web.Response:
        """POST /v1/slack/actions: buttons, menus, windows, shortcuts; 200 when it was read."""
        form = await self._form(request)
        if "ssl_check" in form:
            return web.Response()
        return _answer(await self._router.answer("interactive", _json(form.get("payload", ""))))

    @serves("POST", "/v1/slack/commands", Who.SLACK, spec=READ)
    async def commands(self, request: web.Request) -> web.Response:
        """POST /v1/slack/commands: the slash command."""
        form = await self._form(request)
        if "ssl_check" in form:
            return web.Response()
        return _answer(await self._router.answer("slash_commands", form))

    @serves("POST", "/v1/slack/events", Who.SLACK, spec=READ)
    async def events(self, request: web.Request) -> web.Response:
        """POST /v1/slack/events: the Events API, for the App Home; answers Slack's challenge."""
        payload = _json(await self._verified(request))
        if payload.get("type") == "url_verification":
            return web.json_response({"challenge": str(payload.get("challenge", ""))})
        return _answer(await self._router.answer("events_api", payload))

    async def _form(self, request: web.Request) -> dict[str, str]:
        body = await self._verified(request)
        try:
            return {name: values[0] for name, values in parse_qs(body, True).items()}
        except ValueError as error:
            raise PayloadError(f"the body is no form: {error}") from None

    async def _verified(self, request: web.Request) -> str:
        if not self._verifiers:
            raise web.HTTPForbidden(
                text="slack.signing_secret is not configured, so nobody can be believed\n"
            )
        if "X-Slack-Signature" not in request.headers:
            raise web.HTTPUnauthorized(text="there is no Slack signature\n")
        body = await read_signed(request)
        try:
            headers = dict(request.headers)
            known = any(verifier.is_valid_request(body, headers) for verifier in self._verifiers)
        except (ValueError, TypeError):
            # slack-sdk raises for a timestamp, a signature or a body it cannot read.
            known = False
        if not known:
            raise web.HTTPUnauthorized(text="the Slack signature is wrong or too old\n")
        return body.decode()


def _json(body: str) -> Mapping[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise PayloadError("expected Slack's JSON object (in a form: in the field `payload`)")
    return payload


def _answer(body: dict[str, Any]) -> web.Response:
    return web.json_response(body) if body else web.Response()
