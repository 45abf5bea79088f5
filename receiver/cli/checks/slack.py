"""``incident-manager slack check``: which scope, channel or setting is missing."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from receiver.cli.checks.destinations import run_checks
from receiver.cli.client import formats_option
from receiver.cli.config_option import file_option, load
from receiver.notify.notifier import Check
from receiver.settings.model import Settings
from receiver.slack.client.errors import NOT_SLACK
from receiver.slack.client.probe import Checker

_SUBTEAM = re.compile(r"!subteam\^(S[A-Z0-9]+)")
_USER = re.compile(r"@([UW][A-Z0-9]+)")


class _Names(Checker):
    """Also looks for the people and groups that settings name."""

    async def groups(self, wanted: Iterable[str]) -> list[Check]:
        """Look for user groups."""
        names = sorted(set(wanted))
        if not names:
            return []
        asked = await self.ask("usergroups.list")
        groups = asked.data.get("usergroups")
        rows = [row for row in groups if isinstance(row, dict)] if isinstance(groups, list) else []
        known = {str(row.get("id")): row for row in rows}
        odd = "" if isinstance(groups, list) and len(rows) == len(groups) else NOT_SLACK.format(200)
        words = asked.problem or odd or "there is none of this id"
        return [
            Check(f"user group {name}", "ok", f"@{known[name].get('handle')}")
            if name in known
            else Check(f"user group {name}", "missing", words)
            for name in names
        ]

    async def users(self, wanted: Iterable[str]) -> list[Check]:
        """Look for people, by user id or e-mail address."""
        found = []
        for name in sorted(set(wanted)):
            method = "users.lookupByEmail" if "@" in name else "users.info"
            asked = await self.ask(method, **{"email" if "@" in name else "user": name})
            person, problem = asked.part("user")
            state = "missing" if problem else "ok"
            found.append(Check(f"user {name}", state, problem or f"@{person.get('name', '')}"))
        return found


async def check_slack(settings: Settings, report: Callable[[Check], None]) -> None:
    """Look at everything about Slack that is configured."""
    report(_inbound(settings))
    if settings.slack.app_token is not None:
        report(await _app_token(settings.slack.app_token.get_secret_value(), settings))
    checkers: dict[tuple[str, str], _Names] = {}
    for name, config in settings.notifiers.items():
        if config.type != "slack" or not (config.token and config.channel and config.base_url):
            continue
        key = (config.token.get_secret_value(), config.base_url)
        if key not in checkers:
            checkers[key] = _Names(*key)
            for check in await checkers[key].token():
                report(check)
        report(await checkers[key].channel(name, config.channel))
    if not checkers:
        report(Check("token", "missing", "set slack.token and slack.channel"))
    for checker in list(checkers.values())[:1]:
        groups, users = _named(settings)
        for check in [*await checker.groups(groups), *await checker.users(users)]:
            report(check)


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
    run_checks(context, output, lambda tell: check_slack(settings, tell))
