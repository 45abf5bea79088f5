"""``incident-manager weekly-report``: a week in figures, beside the week before."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from receiver.cli.asking import without_secrets
from receiver.cli.checks import options
from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import RulesError, load_rules
from receiver.cli.checks.source import Deadline, Source
from receiver.cli.checks.weekly.layout import markdown, simple
from receiver.cli.checks.weekly.period import Week
from receiver.cli.checks.weekly.report import Report, make_report, to_json
from receiver.cli.client import print_json, token_option, url_option

DAYS_MAX = 92


def _week(end: str, days: int) -> Week:
    """Return the days up to ``end``: a date, ``yesterday`` or ``today``."""
    now = datetime.now(UTC)
    named = {"today": now.date(), "yesterday": now.date() - timedelta(days=1)}
    try:
        last = named.get(end) or date.fromisoformat(end)
    except ValueError:
        raise click.BadParameter(
            f"{end!r} is no day: write 2026-03-02, yesterday or today", param_hint="--end"
        ) from None
    if last.year <= 2000 or last > now.date():  # noqa: PLR2004 - no service is so old
        raise click.BadParameter(f"{last} is not in the past", param_hint="--end")
    return Week(last, days, now)


async def _run(given: dict[str, Any], week: Week) -> Report:
    systems = load_rules(Path(given["rules"]) if given["rules"] else None)
    deadline = Deadline(given["timeout"])
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            Source("the service", given["url"], deadline, given["token"])
        )
        prometheus = None
        if given["prometheus_url"]:
            source = Source(
                "Prometheus", given["prometheus_url"], deadline, given["prometheus_token"]
            )
            prometheus = Prometheus(await stack.enter_async_context(source))
        return await make_report(service, prometheus, systems, week)


@click.command("weekly-report")
@url_option
@token_option
@options.prometheus_option
@options.prometheus_token_option
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=7, show_default=True)
@click.option(
    "--end",
    default="yesterday",
    show_default=True,
    metavar="DAY",
    help="The last day (UTC), as 2026-03-02, or today (so far).",
)
@options.rules_option
@options.timeout_option(120)
@options.output_option("markdown")
@click.pass_context
def weekly_report(
    context: click.Context, /, output: str, days: int, end: str, **given: Any
) -> None:
    """Report a week beside the week before: incidents, alerts, systems, capacity.

    Whole days are compared, so that it ends yesterday. Without --prometheus-url it has our own
    figures alone. What nobody has data of is said. Exit codes: 0 everybody answered, 1 somebody
    did not, 2 nobody did.
    """
    week = _week(end, days)
    try:
        report = asyncio.run(_run(given, week))
    except RulesError as error:
        raise click.ClickException(str(error)) from None
    asked = {
        "service": without_secrets(given["url"]),
        "prometheus": without_secrets(given["prometheus_url"]) or None,
    }
    if output == "json":
        print_json(to_json(report, **asked))
    else:
        words = f"Service {asked['service']}, Prometheus {asked['prometheus'] or 'not asked'}"
        click.echo((markdown if output == "markdown" else simple)(report, words))
    context.exit(report.exit_code)
