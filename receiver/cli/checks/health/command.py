"""``incident-manager health-check``: the daily look at everything, with an exit code for cron."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from receiver.cli.asking import without_secrets
from receiver.cli.checks import options
from receiver.cli.checks.finding import EXIT_CODES, Finding, show, to_json, worst
from receiver.cli.checks.health.backup import check_backups
from receiver.cli.checks.health.neighbours import check_alertmanager, check_prometheus
from receiver.cli.checks.health.service import check_service
from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import RulesError, load_rules
from receiver.cli.checks.source import Deadline, Source
from receiver.cli.client import print_json, token_option, url_option

_MIB = 1 << 20


async def _run(given: dict[str, Any]) -> list[Finding]:
    rules = load_rules(Path(given["rules"]) if given["rules"] else None)
    deadline = Deadline(given["timeout"])
    async with AsyncExitStack() as stack:
        service, metrics, asked = options.sources(given, deadline)
        await stack.enter_async_context(service)
        await stack.enter_async_context(metrics)
        urls = given["alertmanager_url"]
        looks = [check_service(service, metrics, given["storage_limit"] * _MIB)]
        if asked is not None:
            prometheus = Prometheus(await stack.enter_async_context(asked))
            looks.append(check_prometheus(prometheus, rules, alertmanager_asked=bool(urls)))
        for url in urls:
            alertmanager = Source("Alertmanager", url, deadline)
            looks.append(check_alertmanager(await stack.enter_async_context(alertmanager)))
        parts = await asyncio.gather(*looks)
    found = [finding for part in parts for finding in part]
    found += [check_backups(Path(place), given["backup_age"]) for place in given["backup"]]
    for name, was_asked in (("Prometheus", asked), ("Alertmanager", urls)):
        if not was_asked:
            words = f"not asked: give --{name.lower()}-url"
            found.append(Finding("not looked at", name, "skipped", words))
    return found


@click.command("health-check")
@url_option
@token_option
@options.metrics_option
@options.metrics_token_option
@options.prometheus_option
@options.prometheus_token_option
@click.option(
    "--alertmanager-url",
    envvar="INCIDENT_MANAGER_ALERTMANAGER_URL",
    multiple=True,
    metavar="URL",
    help="Alertmanager; repeatable, for each of a cluster.",
)
@click.option(
    "--storage-limit",
    type=click.IntRange(1),
    default=1_024,
    show_default=True,
    metavar="MIB",
    help="What Redis may use before it is a warning.",
)
@click.option(
    "--backup",
    envvar="INCIDENT_MANAGER_BACKUP",
    multiple=True,
    metavar="PATH",
    help="A backup, or the folder they are kept in; its newest file is read to the end.",
)
@click.option(
    "--backup-age",
    type=options.Amount(min=0, min_open=True),
    default=26,
    show_default=True,
    metavar="HOURS",
    help="How old the newest backup may be.",
)
@options.rules_option
@options.timeout_option(20)
@options.output_option()
@click.pass_context
def health_check(context: click.Context, /, output: str, **given: Any) -> None:
    """Look at everything once: the service, Prometheus and the systems, Alertmanager.

    Exit codes: 0 all is well, 1 a warning, 2 something failed, 3 something asked for could not be
    looked at. Nothing is changed, and nobody is paged.
    """
    try:
        found = asyncio.run(_run(given))
    except RulesError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        print_json(to_json(found, service=without_secrets(given["url"])))
    else:
        show(found)
    context.exit(EXIT_CODES[worst(found)])
