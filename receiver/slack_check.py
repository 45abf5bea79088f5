"""``incident-manager slack check``: which scope, channel or setting is missing. It posts nothing.

docs.slack.dev: every answer of the Web API names the token's scopes in ``X-OAuth-Scopes``.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

import click
import msgspec
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from receiver.command_config import file_option, load
from receiver.command_parts import formats_option, print_json
from receiver.http_client import proxy_of
from receiver.notify.slack_answers import repair_of
from receiver.settings import Settings
from receiver.text.visible import plain

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
_SUBTEAM = re.compile(r"!subteam\^(S[A-Z0-9]+)")
_USER = re.compile(r"@([UW][A-Z0-9]+)")
_MARKS = {"ok": "ok     ", "warning": "warning", "missing": "MISSING"}


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at; ``state`` is ok, warning or missing."""

    what: str
    state: str
    words: str


class Asked(msgspec.Struct, frozen=True):
    """One answer of Slack; ``problem`` in words with what to do, "" when it is none."""

    data: dict[str, Any]
    scopes: frozenset[str] = frozenset()
    problem: str = ""


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
        except (SlackClientError, ClientError, TimeoutError, OSError) as error:
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
        if asked.problem:
            return Check(what, "missing", asked.problem)
        found = asked.data.get("channel") or {}
        name = f"#{found.get('name')}"
        if found.get("is_archived"):
            return Check(what, "missing", f"{name} is archived: {repair_of('is_archived', {})}")
        open_to_all = not found.get("is_private") and "chat:write.public" in self.scopes
        if not found.get("is_member") and not open_to_all:
            return Check(what, "missing", f"the app is not in {name}: invite it")
        return Check(what, "ok", name)

    async def groups(self, wanted: Iterable[str]) -> list[Check]:
        """Look for user groups."""
        names = sorted(set(wanted))
        if not names:
            return []
        asked = await self.ask("usergroups.list")
        known = {group.get("id"): group for group in asked.data.get("usergroups") or []}
        return [
            Check(f"user group {name}", "ok", f"@{known[name].get('handle')}")
            if name in known
            else Check(f"user group {name}", "missing", asked.problem or "there is none of this id")
            for name in names
        ]

    async def users(self, wanted: Iterable[str]) -> list[Check]:
        """Look for people, by user id or e-mail address."""
        found = []
        for name in sorted(set(wanted)):
            method = "users.lookupByEmail" if "@" in name else "users.info"
            asked = await self.ask(method, **{"email" if "@" in name else "user": name})
            shown = str((asked.data.get("user") or {}).get("name", ""))
            state = "missing" if asked.problem else "ok"
            found.append(Check(f"user {name}", state, asked.problem or f"@{shown}"))
        return found


async def check_slack(settings: Settings, tell: Callable[[Check], None]) -> bool:
    """Look at everything about Slack that is configured; return whether nothing is missing."""
    complete = True

    def report(check: Check) -> None:
        nonlocal complete
        complete = complete and check.state != "missing"
        tell(check)

    report(_inbound(settings))
    if settings.slack.app_token is not None:
        report(await _app_token(settings.slack.app_token.get_secret_value(), settings))
    checkers: dict[tuple[str, str], Checker] = {}
    for name, config in settings.notifiers.items():
        if config.type != "slack" or not (config.token and config.channel and config.base_url):
            continue
        key = (config.token.get_secret_value(), config.base_url)
        if key not in checkers:
            checkers[key] = Checker(*key)
            for check in await checkers[key].token():
                report(check)
        report(await checkers[key].channel(name, config.channel))
    if not checkers:
        report(Check("token", "missing", "set slack.token and slack.channel"))
    for checker in list(checkers.values())[:1]:
        groups, users = _named(settings)
        for check in [*await checker.groups(groups), *await checker.users(users)]:
            report(check)
    return complete


def _inbound(settings: Settings) -> Check:
    """Say how requests come in; whether a signing secret is right shows only in a request."""
    if settings.slack.app_token is not None:
        return Check("requests", "ok", "by Socket Mode")
    if settings.slack.signing_secret is not None:
        base = f"{settings.web.base_url}/v1/slack"
        words = f"signed, over HTTP: the app's URLs are {base}/actions, /commands and /events"
        return Check("requests", "ok", words)
    words = "set slack.signing_secret (and the app's URLs), or slack.app_token for Socket Mode"
    return Check("requests", "missing", words)


async def _app_token(token: str, settings: Settings) -> Check:
    asked = await Checker(token, settings.slack.base_url).ask("apps.connections.open")
    if not asked.problem:
        return Check("app token", "ok", "Socket Mode is on")
    words = f"{asked.problem}; it needs connections:write, and Socket Mode switched on in the app"
    return Check("app token", "missing", words)


def _named(settings: Settings) -> tuple[set[str], set[str]]:
    """Return the user groups and the people that permissions and mentions name."""
    groups: set[str] = set()
    users: set[str] = set()
    for permission in settings.permissions.values():
        groups |= set(permission.groups)
        users |= set(permission.users)
    for policy in settings.escalations.values():
        for step in policy.steps:
            groups |= set(_SUBTEAM.findall(step.mention))
            users |= set(_USER.findall(step.mention))
    return groups, users


@click.group("slack")
def slack() -> None:
    """Look at what Slack needs."""


@slack.command("check")
@file_option
@formats_option
@click.pass_context
def check(context: click.Context, config_file: Any, output: str) -> None:
    """Tell which scope, channel or setting is missing; nothing is posted."""
    settings = load(config_file, {})
    found: list[Check] = []

    def tell(one: Check) -> None:
        found.append(one)
        if output == "simple":
            click.echo(
                plain(f"{_MARKS[one.state]}  {one.what}{': ' if one.words else ''}{one.words}")
            )

    complete = asyncio.run(check_slack(settings, tell))
    if output == "json":
        print_json({"complete": complete, "checks": [msgspec.to_builtins(one) for one in found]})
    elif complete:
        click.echo("nothing is missing")
    context.exit(0 if complete else 1)
