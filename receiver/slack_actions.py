"""POST /v1/slack/actions: a click in Slack becomes an event like any other.

The signature is checked over the raw body, within Slack's 5 minutes; a click that was applied
already changes nothing (the commit knows its id), and a click on an older episode says so.
"""

import asyncio
import json
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from receiver.clock import Clock
from receiver.dispatch import Dispatcher, Outcome
from receiver.errors import StoreUnavailableError
from receiver.settings import SlackConfig
from routing.event import Acknowledged, Resolved
from routing.incident import Actor, Incident

log = logging.getLogger("slack_actions")

ANSWER_WITHIN_S = 2.5
"""Slack shows an error to whoever clicked after 3 s."""


class _Time(SignatureClock):
    """The service's clock in the form slack-sdk asks for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now() / 1000


class SlackActionsEndpoint:
    """Takes interactive payloads of Slack."""

    def __init__(self, dispatcher: Dispatcher, config: SlackConfig, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._config = config
        secret = config.signing_secret
        self._verifier = (
            SignatureVerifier(secret.get_secret_value(), _Time(clock)) if secret else None
        )
        self._session: ClientSession | None = None
        self._answers: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Finish the private answers under way."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=5)
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one click: 200 when it was understood, even if it changes nothing."""
        body = await request.read()
        self._verify(body, request)
        form = parse_qs(body.decode())
        if "ssl_check" in form:
            return web.Response()
        try:
            payload = json.loads(form["payload"][0])
            actions = payload.get("actions", []) if payload["type"] == "block_actions" else []
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
            return web.json_response(
                {"error": "expected a form field `payload` with Slack's JSON"}, status=400
            )
        for action in actions:
            if isinstance(action, dict) and action.get("action_id") in ("acknowledge", "resolve"):
                return await self._act(payload, action)
        return web.Response()

    def _verify(self, body: bytes, request: web.Request) -> None:
        if self._verifier is None:
            raise web.HTTPForbidden(
                text="slack.signing_secret is not configured, so nobody can be believed\n"
            )
        try:
            known = self._verifier.is_valid_request(body, dict(request.headers))
        except (ValueError, TypeError):
            # slack-sdk raises for a timestamp or signature it cannot read.
            known = False
        if not known:
            log.warning("a request with a wrong or old Slack signature was refused")
            raise web.HTTPUnauthorized(text="the Slack signature is wrong or too old\n")

    async def _act(self, payload: dict[str, Any], action: dict[str, Any]) -> web.Response:
        try:
            value = json.loads(action["value"])
            incident, episode = str(value["i"]), int(value["e"])
            self._dispatcher.store.of(incident)
            user = payload["user"]
            user_id = str(user["id"])
            actor = Actor(name=_name(user), via="slack", id=user_id)
        except (KeyError, ValueError, TypeError, RecursionError):
            return web.json_response({"error": "the button carries no incident"}, status=400)
        if self._config.acknowledge_by and user_id not in self._config.acknowledge_by:
            log.warning("%s may not %s %s", user_id, action["action_id"], incident)
            self._whisper(payload, "You are not on the list of those who may do this.")
            return web.Response()
        kind = Acknowledged if action["action_id"] == "acknowledge" else Resolved
        moment = action.get("action_ts") or payload.get("trigger_id") or ""
        event_id = f"slack:{incident}:{action['action_id']}:{user_id}:{moment}" if moment else ""
        done = self._dispatcher.submit(kind(actor, episode), incident, event_id)
        try:
            outcome = await asyncio.wait_for(asyncio.shield(done), ANSWER_WITHIN_S)
        except TimeoutError:
            done.add_done_callback(lambda late: late.exception())
            raise StoreUnavailableError("the change is not stored yet") from None
        text = _answer(outcome)
        if text:
            self._whisper(payload, text)
        log.info("%s of %s by %s: %s", kind.__name__, incident, user_id, outcome.reason)
        return web.Response()

    def _whisper(self, payload: dict[str, Any], text: str) -> None:
        """Tell the one who clicked, in private and without making them wait."""
        url = payload.get("response_url")
        if isinstance(url, str) and self._is_slack(url):
            task = asyncio.create_task(self._post(url, text))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    def _is_slack(self, url: str) -> bool:
        parts = urlsplit(url)
        ours = urlsplit(self._config.base_url)
        if (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc):
            return True
        return parts.scheme == "https" and parts.hostname == "hooks.slack.com"

    async def _post(self, url: str, text: str) -> None:
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=5))
        answer = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            async with self._session.post(url, json=answer):
                pass
        except (ClientError, TimeoutError, OSError) as error:
            log.info("a private answer was not delivered: %s", error)


def _name(user: dict[str, Any]) -> str:
    text = str(user.get("name") or user.get("username") or user["id"])
    return "".join(char for char in text if char.isprintable())[:80]


def _answer(outcome: Outcome) -> str:
    """Return what the one who clicked should know, "" when the message itself shows it."""
    incident = outcome.incident
    if outcome.reason == "stale":
        return "This incident fired again since that message: look at its newest state first."
    if outcome.reason == "already_acknowledged" and isinstance(incident, Incident):
        by = incident.acknowledged_by
        return f"Already acknowledged{f' by {_plain(by.name)}' if by else ''}."
    if outcome.reason == "already_resolved":
        return "This incident is already resolved."
    if outcome.reason == "unknown_incident":
        return "This incident is not known any more."
    return ""


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
