"""What the commands of the daily and weekly checks have in common."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import click

from receiver.cli.checks.source import Deadline, Source

Option = Callable[[Any], Any]


class Formats(click.Choice[str]):
    """The formats of an output; ``text`` is understood as ``simple``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the format's own name."""
        return super().convert("simple" if value == "text" else value, param, ctx)


def output_option(*more: str) -> Option:
    """Return the option of the format: simple, json, and ``more``."""
    return click.option(
        "-o",
        "--output",
        type=Formats(["simple", "json", *more]),
        default="simple",
        show_default=True,
        help="simple (or text) for people, json for programs.",
    )


metrics_option = click.option(
    "--metrics-url",
    envvar="INCIDENT_MANAGER_METRICS_URL",
    default="",
    metavar="URL",
    help="Its page of metrics  [default: /metrics of --url]",
)
metrics_token_option = click.option(
    "--metrics-token",
    envvar="INCIDENT_MANAGER_METRICS_TOKEN",
    default="",
    help="Bearer token of /metrics, if it wants one.",
)
prometheus_option = click.option(
    "--prometheus-url",
    envvar="INCIDENT_MANAGER_PROMETHEUS_URL",
    default="",
    metavar="URL",
    help="Prometheus; a user may stand in it, as in http://ann:password@HOST:9090.",
)
prometheus_token_option = click.option(
    "--prometheus-token",
    envvar="INCIDENT_MANAGER_PROMETHEUS_TOKEN",
    default="",
    help="Bearer token of Prometheus, if it wants one.",
)


class Amount(click.FloatRange):
    """A number within bounds: what is none (nan) is below and above nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; a usage error for anything else."""
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


def timeout_option(seconds: int) -> Option:
    """Return the option of the time limit, with its default."""
    return click.option(
        "--timeout",
        type=Amount(0.1, 3_600),
        default=seconds,
        show_default=True,
        help="Seconds for everything together.",
    )


rules_option = click.option(
    "--rules",
    type=click.Path(exists=True, file_okay=False),
    default=None,
    help="Folder of the rules for Prometheus  [default: those that ship]",
)


def sources(options: Mapping[str, Any], deadline: Deadline) -> tuple[Source, Source, Source | None]:
    """Return the service, its page of metrics, and Prometheus if it is to be asked."""
    service = Source("the service", options["url"], deadline, options["token"])
    page = options["metrics_url"] or f"{options['url'].rstrip('/')}/metrics"
    # Beside the API the page wants what the API wants; another address never gets that.
    token = options["metrics_token"] or ("" if options["metrics_url"] else options["token"])
    metrics = Source("the metrics", page, deadline, token)
    given = options["prometheus_url"]
    prometheus = (
        Source("Prometheus", given, deadline, options["prometheus_token"]) if given else None
    )
    return service, metrics, prometheus
