"""``incident-manager validate-metrics``: what is promised is there, can be true, and arrives."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from receiver.cli.asking import without_secrets
from receiver.cli.checks import options
from receiver.cli.checks.finding import EXIT_CODES, Finding, show, to_json, worst
from receiver.cli.checks.metrics.promised import promises
from receiver.cli.checks.metrics.queried import queried
from receiver.cli.checks.metrics.validate import (
    validate_page,
    validate_prometheus,
    validate_queries,
)
from receiver.cli.checks.metrics_page import read_page
from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import OWN, RulesError, load_rules
from receiver.cli.checks.source import Deadline, SourceError
from receiver.cli.client import print_json, token_option, url_option
from receiver.paths import dashboards_folder


async def _run(given: dict[str, Any]) -> list[Finding]:
    systems = load_rules(Path(given["rules"]) if given["rules"] else None)
    own = next((one for one in systems if one.system == OWN), systems[0])
    boards = Path(given["dashboards"]) if given["dashboards"] else dashboards_folder()
    wanted = queried(systems, boards, own.job)
    promised = promises()
    async with AsyncExitStack() as stack:
        _, metrics, asked = options.sources(given, Deadline(given["timeout"]))
        await stack.enter_async_context(metrics)
        try:
            page = await read_page(metrics)
        except SourceError as error:
            return [Finding("promised", "metrics", "failed", str(error))]
        recorded = {name for system in systems for name in system.recorded}
        found = validate_page(page, promised) + validate_queries(page, promised, wanted, recorded)
        if asked is None:
            words = "not asked: give --prometheus-url"
            return [*found, Finding("Prometheus", "prometheus", "skipped", words)]
        prometheus = Prometheus(await stack.enter_async_context(asked))
        return found + await validate_prometheus(prometheus, promised, page, own.job)


@click.command("validate-metrics")
@url_option
@token_option
@options.metrics_option
@options.metrics_token_option
@options.prometheus_option
@options.prometheus_token_option
@options.rules_option
@click.option(
    "--dashboards",
    type=click.Path(exists=True, file_okay=False),
    default=None,
    help="Folder of the dashboards' JSON  [default: those that ship]",
)
@options.timeout_option(30)
@options.output_option()
@click.pass_context
def validate_metrics(context: click.Context, /, output: str, **given: Any) -> None:
    """Check every metric: it is there, it can be true, it is asked for by its name, it arrives.

    Looked at are type, labels, values, number of series and names of what the service exports,
    what rules and dashboards ask of it, and, with --prometheus-url, what Prometheus has of it.
    Exit codes: 0 all is well, 1 a warning, 2 something is missing or wrong.
    """
    try:
        found = asyncio.run(_run(given))
    except RulesError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        page = given["metrics_url"] or f"{given['url']}/metrics"
        print_json(to_json(found, metrics=without_secrets(page)))
    else:
        show(found)
    context.exit(EXIT_CODES[worst(found)])
