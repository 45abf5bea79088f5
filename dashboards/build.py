"""Dashboards and panels in a few words each, built with Grafana's foundation SDK.

``$job`` in an expression is the matcher of the system's job, as in ``systems/*.yml``; of a metric
that is no recording rule's also those of the variables every series can be filtered by.
"""

import re
from typing import Any

import msgspec
from grafana_foundation_sdk.builders import (
    common,
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
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models import dashboard as models

KINDS: dict[str, Any] = {
    "graph": timeseries,
    "stat": stat,
    "gauge": gauge,
    "pie": piechart,
    "heatmap": heatmap,
    "table": table,
}
UP = "up{$job}"
VARIABLES = {
    "instance": f"label_values({UP}, instance)",
    "environment": f"label_values({UP}, environment)",
    "pipeline": "label_values(stream_events_received_total{$job}, pipeline)",
    "backend_type": "label_values(state_backend_get_total{$job}, backend_type)",
    "team": "label_values(incident_resolution_duration_seconds_count{$job}, team)",
    "system": "label_values(ALERTS, system)",
}
"""What a dashboard can be filtered by, and where its values come from. "All" is everything."""
OF_EVERY_SERIES = ("instance", "environment")
ALL = ".*"
CHECKED = {"__range": "1h", "__rate_interval": "5m", "__interval": "1m"}
"""What stands for Grafana's own variables where a query is checked without it."""
ADDRESS = "label_values(incident_manager_web_info, external_url)"
"""Where people reach the incident manager, as it says itself."""
_OF_JOB = re.compile(r"([a-zA-Z_][a-zA-Z0-9_:]*)\{\$job\b")
HEIGHT = 8
COLUMNS = 24


class Panel(msgspec.Struct, frozen=True):
    """One panel. ``queries``: (expression, legend); none: ``about`` is a text of its own.

    ``unit`` as Grafana names it; ``about``: what it shows, and what to make of it; ``limits``:
    (value, colour) from the lowest, with green as the last where more is better; ``trend``: no
    value of it is good or bad by itself. ``words``: what stands for a value, as (value, text).
    """

    title: str
    kind: str = "graph"
    queries: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    about: str = ""
    limits: tuple[tuple[float, str], ...] = ()
    trend: bool = False
    words: tuple[tuple[int, str], ...] = ()


class Board(msgspec.Struct, frozen=True):
    """One dashboard. ``about``: whom it is for; ``variables``: names of ``VARIABLES``."""

    uid: str
    title: str
    system: str
    job: str
    panels: tuple[Panel, ...]
    refresh: str = "30s"
    span: str = "now-1h"
    about: str = ""
    variables: tuple[str, ...] = ("instance",)

    def expand(self, expression: str) -> str:
        """Return an expression with the matchers of the job and of the variables."""
        job = f'job="{self.job}"'
        chosen = [name for name in OF_EVERY_SERIES if name in self.variables]
        every = ", ".join([job, *(f'{name}=~"${name}"' for name in chosen)])

        def matchers(found: re.Match[str]) -> str:
            # What a recording rule has summed up has the labels of none of them.
            return f"{found[1]}{{{job if ':' in found[1] else every}"

        return _OF_JOB.sub(matchers, expression).replace("$job", job)

    def expressions(self) -> list[tuple[str, str]]:
        """Return (panel, expression) of every query, as Prometheus gets it when all is chosen."""
        return [
            (panel.title, self._filled(self.expand(expression)))
            for panel in self.panels
            for expression, _ in panel.queries
        ]

    def _filled(self, expression: str) -> str:
        for name, value in (CHECKED | dict.fromkeys(self.variables, ALL)).items():
            expression = expression.replace(f"${name}", value)
        return expression


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


def words(title: str, about: str) -> Panel:
    """Return a panel of words, in Markdown."""
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
        .description(board.about)
        .tags([board.system, "incident-manager-dashboards"])
        .refresh(board.refresh)
        .time(board.span, "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
    )
    for name in board.variables:
        made = made.with_variable(_variable(name, board.expand(VARIABLES[name])))
    address = _variable("incident_manager", ADDRESS)
    made = made.with_variable(address.hide(models.VariableHide.HIDE_VARIABLE).multi(multi=False))
    for link in _links(board):
        made = made.link(link)
    for panel in board.panels:
        made = made.with_panel(_built(board, panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _variable(name: str, query: str) -> Any:
    made = (
        dashboard.QueryVariable(name)
        .datasource(models.DataSourceRef(type_val="prometheus", uid="${datasource}"))
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    if name == "incident_manager":
        return made
    return (
        made.label(name.replace("_", " "))
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(ALL)
    )


def _links(board: Board) -> list[Any]:
    """Return links to the other dashboards, the system's runbooks and the incidents."""
    others = (
        dashboard.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["incident-manager-dashboards"])
        .as_dropdown(as_dropdown=True)
        .keep_time(keep_time=True)
        .include_vars(include_vars=False)
    )
    places = {"Runbooks": f"/runbooks/?text={board.system}", "Open incidents": "/"}
    return [
        others,
        *(
            dashboard.DashboardLink(title)
            .type(models.DashboardLinkType.LINK)
            .url(f"${{incident_manager}}{path}")
            .target_blank(target_blank=True)
            for title, path in places.items()
        ),
    ]


def _built(board: Board, panel: Panel) -> Any:
    width = COLUMNS // 4 if panel.kind in ("stat", "gauge", "pie") else COLUMNS // 2
    if panel.kind == "text":
        return text.Panel().title(panel.title).content(panel.about).span(width).height(HEIGHT)
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
        if panel.kind == "graph":
            lines = common.GraphThresholdsStyleConfig().mode(styles.GraphThresholdsStyleMode.LINE)
            made = made.thresholds_style(lines)
    if panel.words:
        said = {str(value): models.ValueMappingResult(text=text_) for value, text_ in panel.words}
        made = made.mappings([models.ValueMap(options=said)])
    for expression, legend in panel.queries:
        query = prometheus.Dataquery().expr(board.expand(expression))
        made = made.with_target(query.legend_format(legend) if legend else query)
    return made


def _thresholds(panel: Panel) -> Any:
    below = "red" if panel.limits[-1][1] == "green" else "green"
    steps = [models.Threshold(color=below, value=None)]
    steps += [models.Threshold(color=colour, value=value) for value, colour in panel.limits]
    absolute = models.ThresholdsMode.ABSOLUTE
    return dashboard.ThresholdsConfig().mode(absolute).steps(steps)
