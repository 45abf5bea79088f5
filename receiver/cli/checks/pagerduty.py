"""``incident-manager pagerduty check``: which key or setting is wrong. It opens nothing."""

from collections.abc import Callable
from pathlib import Path

import click

from receiver.app.notifiers import build_notifiers
from receiver.app.pagerduty import PagerDuty
from receiver.cli.checks.destinations import run_checks
from receiver.cli.client import formats_option
from receiver.cli.config_option import file_option, load
from receiver.clock import Clock
from receiver.notify.notifier import Check
from receiver.pagerduty.rest_api import NoAnswer, PagerDutyRest
from receiver.settings.model import Settings

Report = Callable[[Check], None]


async def check_pagerduty(settings: Settings, report: Report) -> None:
    """Look at everything about PagerDuty that is configured."""
    service = PagerDuty(settings, Clock())
    notifiers = build_notifiers(settings, service)
    ours = [one for one in notifiers.values() if one.kind == "pagerduty"]
    for notifier in ours:
        what = f"routing key of {notifier.name}"
        tried = await notifier.check()
        if tried.problem:
            report(Check(what, "missing", tried.problem))
        elif not tried.works:
            report(Check(what, "warning", tried.untried))
        else:
            report(Check(what, "ok", f"taken; no event tells {tried.untried}"))
    if not ours:
        report(Check("routing key", "missing", "set pagerduty.routing_key (or routing_key_file)"))
    for notifier in notifiers.values():
        await notifier.close()
    await service.close()
    await _check_rest(settings, report)
    _check_webhook(settings, report)


async def _check_rest(settings: Settings, report: Report) -> None:
    """Ask with the REST key who is on call, for each policy."""
    token = settings.pagerduty.rest_token
    if token is None:
        words = "not set: who is on call is not known, so a page may ring nobody unnoticed"
        report(Check("REST key", "warning", f"pagerduty.rest_token is {words}"))
        return
    policies = {
        config.escalation_policy: name
        for name, config in settings.notifiers.items()
        if config.type == "pagerduty" and config.escalation_policy
    }
    rest = PagerDutyRest(settings.pagerduty.rest_url, token.get_secret_value(), Clock())
    try:
        for policy, name in policies.items():
            report(await _policy(rest, policy, name))
        if not policies:
            found = await rest.user_id("nobody@example.invalid")
            wrong = isinstance(found, NoAnswer)
            words = found.reason if isinstance(found, NoAnswer) else "answers"
            report(Check("REST key", "missing" if wrong else "ok", words))
    finally:
        await rest.close()


async def _policy(rest: PagerDutyRest, policy: str, name: str) -> Check:
    what = f"on call for {name} ({policy})"
    found = await rest.on_call(policy)
    if isinstance(found, NoAnswer):
        return Check(what, "missing", found.reason)
    people = ", ".join(person.name or person.id for person in found.people)
    return Check(what, "ok" if people else "missing", people or "nobody: a page would ring no one")


def _check_webhook(settings: Settings, report: Report) -> None:
    url = f"{settings.web.base_url}/v1/pagerduty/webhook"
    if settings.pagerduty.webhook_secret is None:
        words = "not set: what people do in PagerDuty does not happen here"
        report(Check("webhook", "warning", f"pagerduty.webhook_secret is {words}"))
    else:
        report(Check("webhook", "ok", f"signed; the URL of the subscription is {url}"))


@click.group("pagerduty")
def pagerduty() -> None:
    """Look at what PagerDuty needs."""


@pagerduty.command("check")
@file_option
@formats_option
@click.pass_context
def check(context: click.Context, config_file: Path | None, output: str) -> None:
    """Tell which key or setting is wrong; nothing is opened and nobody is rung."""
    settings = load(config_file, {})
    run_checks(context, output, lambda tell: check_pagerduty(settings, tell))
