"""``incident-manager notify test``: a message that is marked as a test, on request alone."""

import asyncio
import getpass
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from receiver.app.notifiers import build_notifiers
from receiver.app.pagerduty import PagerDuty
from receiver.cli.config_option import file_option, load
from receiver.clock import Clock
from receiver.notify.notifier import Notifier
from receiver.settings.model import Settings
from receiver.text.visible import plain


@click.group("notify")
def notify() -> None:
    """Try how people are notified."""


@notify.command("test")
@file_option
@click.argument("notifier")
def test(config_file: Path | None, notifier: str) -> None:
    """Send a message to NOTIFIER that says it is a test.

    In PagerDuty an alert of severity info is opened and resolved some seconds later: it rings
    whoever is on call if the service calls everything urgent.
    """
    settings = load(config_file, {})
    problem = asyncio.run(_send(settings, notifier))
    if problem:
        raise click.ClickException(f"{notifier}: not delivered: {plain(problem)}")
    click.echo(f"{notifier}: delivered")


async def _send(settings: Settings, name: str) -> str:
    service = PagerDuty(settings, Clock())
    notifiers = build_notifiers(settings, service)
    try:
        return await _chosen(notifiers, name).send_test(_text(settings))
    finally:
        for notifier in notifiers.values():
            await notifier.close()
        await service.close()


def _chosen(notifiers: Mapping[str, Notifier], name: str) -> Notifier:
    if name not in notifiers:
        allowed = ", ".join(sorted(notifiers))
        raise click.UsageError(f"there is no notifier {plain(name)} (allowed: {allowed})")
    return notifiers[name]


def _text(settings: Settings) -> str:
    who = "somebody"
    with suppress(OSError, KeyError):
        who = getpass.getuser()
    return (
        f"TEST, nothing to do: {plain(who)} tries whether the incident manager at"
        f" {settings.web.base_url} can notify here"
    )
