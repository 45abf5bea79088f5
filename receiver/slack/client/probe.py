"""A workspace looked at with one token: its scopes and channels. Nothing is posted.

docs.slack.dev: every answer of the Web API names the token's scopes in ``X-OAuth-Scopes``.
"""

from typing import Any

import msgspec
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from receiver.notify.notifier import Check, Tried
from receiver.proxies import proxy_of
from receiver.slack.client.errors import NOT_SLACK, repair_of

TIMEOUT_S = 10
SCOPES = {
    "chat:write": "messages cannot be posted or updated",
    "chat:write.public": "the app has to be invited to each public channel",
    "channels:history": "a post of unknown outcome cannot be looked up, so that it may be doubled",
    "groups:history": "the same in private channels",
    "channels:read": "this check cannot look at public channels",
    "groups:read": "this check cannot look at private channels",
    "commands": "the slash command and the shortcuts do not exist",
    "users:read": "people who are assigned are shown without their names",
    "users:read.email": "who is on call is not mentioned, and permissions by e-mail match nobody",
    "usergroups:read": "permissions by user group match nobody",
}
"""Every scope the app needs, and what does not work without it; as in deploy/slack-manifest.yml."""
_PASSING = ("ratelimited", "rate_limited")


class Asked(msgspec.Struct, frozen=True):
    """One answer of Slack; ``problem`` in words with what to do, "" when it is none."""

    data: dict[str, Any]
    scopes: frozenset[str] = frozenset()
    problem: str = ""

    def part(self, name: str) -> tuple[dict[str, Any], str]:
        """Return an object of the answer, and why there is none ("" when there is)."""
        found = self.data.get(name)
        if self.problem or not isinstance(found, dict):
            return {}, self.problem or NOT_SLACK.format(200)
        return found, ""


class Checker:
    """Looks at one workspace with one token."""

    def __init__(self, token: str, base_url: str) -> None:
        self._client = AsyncWebClient(
            token=token, base_url=base_url, timeout=TIMEOUT_S, retry_handlers=[]
        )
        self._client.proxy = proxy_of(base_url)
        self.scopes: frozenset[str] = frozenset()

    async def ask(self, method: str, **arguments: Any) -> Asked:
        """Return the answer of one call; every way it can end is a value."""
        try:
            answer = await self._client.api_call(method, params=arguments)
        except SlackApiError as error:
            data = error.response.data if isinstance(error.response.data, dict) else {}
            name = str(data.get("error") or f"HTTP {error.response.status_code}")
            return Asked(data, problem=f"{name}: {repair_of(name, data) or 'see Slack'}")
        except (AttributeError, TypeError, RecursionError):
            # slack-sdk takes any text and any JSON for an object.
            return Asked({}, problem=NOT_SLACK.format(200))
        except (SlackClientError, ClientError, TimeoutError, OSError, ValueError) as error:
            return Asked({}, problem=f"no answer: {str(error) or type(error).__name__}")
        headers = {str(key).lower(): str(value) for key, value in dict(answer.headers).items()}
        scopes = headers.get("x-oauth-scopes", "").split(",")
        data = answer.data if isinstance(answer.data, dict) else {}
        return Asked(data, frozenset(scope.strip() for scope in scopes if scope.strip()))

    async def token(self) -> list[Check]:
        """Look at the token and its scopes."""
        asked = await self.ask("auth.test")
        if asked.problem:
            return [Check("token", "missing", asked.problem)]
        self.scopes = asked.scopes
        team = f"{asked.data.get('team')} ({asked.data.get('team_id')})"
        found = [Check("token", "ok", f"bot {asked.data.get('user')} in workspace {team}")]
        for scope, without in SCOPES.items():
            if scope in asked.scopes:
                found.append(Check(f"scope {scope}", "ok", ""))
            else:
                words = f"without it {without}; add it to the app and reinstall it"
                found.append(Check(f"scope {scope}", "missing", words))
        return found

    async def channel(self, notifier: str, channel: str) -> Check:
        """Look at the channel of a notifier."""
        what = f"channel {channel} of {notifier}"
        asked = await self.ask("conversations.info", channel=channel)
        found, problem = asked.part("channel")
        if problem:
            return Check(what, "missing", problem)
        name = f"#{found.get('name')}"
        if found.get("is_archived"):
            return Check(what, "missing", f"{name} is archived: {repair_of('is_archived', {})}")
        open_to_all = not found.get("is_private") and "chat:write.public" in self.scopes
        if not found.get("is_member") and not open_to_all:
            return Check(what, "missing", f"the app is not in {name}: invite it")
        return Check(what, "ok", name)

    async def tried(self, notifier: str, channel: str) -> Tried:
        """Return whether a message could be posted in a channel, as far as that can be seen."""
        first, *scopes = await self.token()
        if first.words.startswith(_PASSING):
            return Tried(untried=f"Slack: {first.words}", passing=True)
        lacking = [one for one in scopes if one.what == "scope chat:write" and one.state != "ok"]
        for one in (first, *lacking):
            if one.state != "ok":
                return Tried(problem=f"{one.what}: {one.words}")
        found = await self.channel(notifier, channel)
        if found.state == "ok":
            return Tried(works=True)
        # A channel that may not be looked at may well be posted in.
        unseen = found.state == "warning" or found.words.startswith(("missing_scope", *_PASSING))
        words = f"channel {channel}: {found.words}"
        return Tried(works=True, untried=words) if unseen else Tried(problem=words)
