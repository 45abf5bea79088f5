"""Dashboards and panels in a few words each, built with Grafana's foundation SDK.

``$job`` in an expression is the matcher of the system's job, as in ``systems/*.yml``.
"""

from typing import Any

import msgspec
from grafana_foundation_sdk.builders import (
    dashboard,
    gauge,
    heatmap,
    piechart,
    prometheus,
    stat,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

KINDS: dict[str, Any] = {
    "graph": timeseries,
    "stat": stat,
    "gauge": gauge,
    "pie": piechart,
    "heatmap": heatmap,
    "table": table,
}
HEIGHT = 8
COLUMNS = 24


class Panel(msgspec.Struct, frozen=True):
    """One panel. ``queries``: (expression, legend); none: ``about`` says why there is no source.

    ``unit`` as Grafana names it; ``limits``: (value, colour) from the lowest.
    """

    title: str
    kind: str = "graph"
    queries: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    about: str = ""
    limits: tuple[tuple[float, str], ...] = ()


class Board(msgspec.Struct, frozen=True):
    """One dashboard of a system."""

    uid: str
    title: str
    system: str
    job: str
    panels: tuple[Panel, ...]
    refresh: str = "30s"
    span: str = "now-1h"

    def expand(self, expression: str) -> str:
        """Return an expression with the matcher of the job."""
        return expression.replace("$job", f'job="{self.job}"')

    def expressions(self) -> list[tuple[str, str]]:
        """Return (panel, expression) of every query."""
        return [
            (panel.title, self.expand(expression))
            for panel in self.panels
            for expression, _ in panel.queries
        ]


def graph(title: str, *queries: tuple[str, str] | str, **more: Any) -> Panel:
    """Return a panel of lines; a query without a legend is a text."""
    return _panel("graph", title, queries, more)


def number(title: str, *queries: tuple[str, str] | str, **more: Any) -> Panel:
    """Return a panel of one number."""
    return _panel("stat", title, queries, more)


def dial(title: str, *queries: tuple[str, str] | str, **more: Any) -> Panel:
    """Return a gauge."""
    return _panel("gauge", title, queries, more)


def other(kind: str, title: str, *queries: tuple[str, str] | str, **more: Any) -> Panel:
    """Return a panel of another kind of ``KINDS``."""
    return _panel(kind, title, queries, more)


def unknown(title: str, about: str) -> Panel:
    """Return a panel that says why it has no source."""
    return Panel(title, "text", about=about)


def _panel(
    kind: str, title: str, queries: tuple[tuple[str, str] | str, ...], more: dict[str, Any]
) -> Panel:
    pairs = tuple((query, "") if isinstance(query, str) else query for query in queries)
    return Panel(title, kind, pairs, **more)


def render(board: Board) -> str:
    """Return the JSON that Grafana reads."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags([board.system])
        .refresh(board.refresh)
        .time(board.span, "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
    )
    for panel in board.panels:
        made = made.with_panel(_built(board, panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _built(board: Board, panel: Panel) -> Any:
    width = COLUMNS // 4 if panel.kind in ("stat", "gauge", "pie") else COLUMNS // 2
    if panel.kind == "text":
        words = f"No source yet. {panel.about}"
        return text.Panel().title(panel.title).content(words).span(width).height(HEIGHT)
    made = (
        KINDS[panel.kind]
        .Panel()
        .title(panel.title)
        .description(panel.about)
        .datasource(models.DataSourceRef(type_val="prometheus", uid="${datasource}"))
        .unit(panel.unit)
        .span(width)
        .height(HEIGHT)
    )
    if panel.limits:
        made = made.thresholds(_thresholds(panel))
    for expression, legend in panel.queries:
        query = prometheus.Dataquery().expr(board.expand(expression))
        made = made.with_target(query.legend_format(legend) if legend else query)
    return made


def _thresholds(panel: Panel) -> Any:
    steps = [models.Threshold(color="green", value=None)]
    steps += [models.Threshold(color=colour, value=value) for value, colour in panel.limits]
    absolute = models.ThresholdsMode.ABSOLUTE
    return dashboard.ThresholdsConfig().mode(absolute).steps(steps)
