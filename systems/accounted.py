"""Every statement of the systems' documents: where it is, and how that is checked."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec

from receiver.app.routes import PATHS
from receiver.cli.checks.metrics.promised import promises
from receiver.observability.metrics.response import Configured
from receiver.observability.metrics.service import families
from receiver.settings.model import Settings
from systems.model import FOLDER, System, load_all
from systems.table import ROOT, Row, rows

STATEMENTS = FOLDER / "statements"


class Statement(msgspec.Struct, forbid_unknown_fields=True, rename={"span": "for"}):
    """What a document says, and one of the places it can have.

    ``alert`` (with a part of its expression, its ``for``, severity and where it lands), ``record``
    (a recording rule and its unit), ``metric``, ``panel`` (a text in a panel of a system's boards),
    ``panels`` (a board and how many it has at least), ``own`` (a metric of this service with labels
    and buckets), ``path``, ``setting`` (and what its default holds), ``file`` with a pattern in
    ``text``; or ``why`` it has none.
    """

    says: str
    alert: str = ""
    has: str = ""
    span: str = ""
    severity: str = ""
    lands: str = ""
    record: str = ""
    unit: str = ""
    metric: str = ""
    panel: str = ""
    panels: str = ""
    count: int = 0
    own: str = ""
    labels: list[str] = []
    buckets: list[float] = []
    path: str = ""
    setting: str = ""
    value: str = ""
    file: str = ""
    text: str = ""
    why: str = ""


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """A document: whose it is, what it states, and the metrics it names."""

    document: str
    system: str
    statements: list[Statement]
    metrics: list[str] = []


class Account(msgspec.Struct, frozen=True):
    """A row: the place of a statement, how it is checked, and what is wrong ("": nothing)."""

    says: str
    place: str
    check: str
    problem: str = ""


def documents() -> list[Document]:
    """Return every document, in the order of its file's name."""
    return [
        msgspec.yaml.decode(path.read_bytes(), type=Document)
        for path in sorted(STATEMENTS.glob("*.yml"))
    ]


def accounts(document: Document) -> Iterator[Account]:
    """Yield a row for each statement and each metric of a document."""
    system = next(one for one in load_all() if one.system == document.system)
    metrics = [Statement(f"metric {name}", metric=name) for name in document.metrics]
    for statement in [*document.statements, *metrics]:
        kinds = [kind for kind in _CHECKS if getattr(statement, kind)]
        if len(kinds) != 1:
            yield Account(statement.says, "", "", f"has {len(kinds)} places: {kinds}")
        else:
            yield _CHECKS[kinds[0]](statement, system)


def _of_alert(said: Statement, system: System) -> Account:
    alert = next((one for one in system.alerts if one.alert == said.alert), None)
    place = f"alert [{said.alert}](../runbooks/{system.system}/{said.alert}.md)"
    if alert is None:
        return Account(said.says, place, "", f"no alert {said.alert}")
    row = _rows()[system.system, said.alert]
    lands = f"{row.priority} {row.acknowledge}, {row.resolve}"
    wrong = [
        f"{name} is {is_}"
        for name, is_, wanted in (
            ("for", alert.span, said.span),
            ("severity", alert.severity, said.severity),
            ("place", lands, said.lands),
        )
        if wanted and is_ != wanted
    ]
    if said.has and said.has not in alert.expr:
        wrong.append(f"expression has no {said.has!r}")
    return Account(said.says, place, "promtool, proof `systems`", "; ".join(wrong))


def _of_record(said: Statement, system: System) -> Account:
    units = {rule.record: rule.unit for rule in system.recording}
    unit = units.get(said.record)
    problem = ""
    if unit is None:
        problem = f"not recorded: {said.record}"
    elif said.unit not in ("", unit):
        problem = f"recorded in {unit}"
    return Account(said.says, f"recorded as `{said.record}`, {unit}", "promtool", problem)


def _of_metric(said: Statement, system: System) -> Account:
    pattern = re.compile(rf"\b{re.escape(said.metric)}(?:_bucket|_sum|_count)?\b")
    found = [one.alert for one in system.alerts if pattern.search(one.expr)]
    found += [f"`{one.record}`" for one in system.recording if pattern.search(one.expr)]
    found += [f"board {name}" for name, text in _boards().items() if pattern.search(text)]
    if system.system == "incident-manager" and said.metric in promises():
        found.append("served by this service")
    more = f" and {len(found) - 2} more" if len(found) > 2 else ""  # noqa: PLR2004 - two are named
    problem = "" if found else "in no rule and no panel"
    return Account(said.says, ", ".join(found[:2]) + more, "promtool, test of boards", problem)


def _of_panel(said: Statement, _system: System) -> Account:
    names = [
        name
        for name, text in _boards().items()
        if name.startswith(said.panel) and re.search(said.text, text)
    ]
    problem = "" if names else f"no board of {said.panel} has {said.text}"
    return Account(said.says, f"board {', '.join(names)}", "test of boards", problem)


def _of_panels(said: Statement, _system: System) -> Account:
    board = json.loads(_boards().get(said.panels, '{"panels": []}'))
    number = sum(one["type"] != "row" for one in board["panels"])
    problem = "" if number >= said.count else f"{number} panels"
    return Account(said.says, f"board {said.panels}", "test of boards", problem)


def _of_own(said: Statement, _system: System) -> Account:
    promise = promises().get(said.own) or promises().get(said.own.removesuffix("_total"))
    every = {one.name: one for one in families(Configured((), ("any",), (), {}, ("any",)))}
    family = every.get(said.own)
    wrong = []
    if promise is None:
        wrong.append("not served")
    elif not promise.labels.issuperset(said.labels):
        wrong.append(f"labels are {sorted(promise.labels)}")
    if said.buckets and (family is None or not set(family.buckets).issuperset(said.buckets)):
        wrong.append(f"buckets are {family.buckets if family else 'unknown'}")
    return Account(said.says, "`/metrics`", "`validate-metrics`", "; ".join(wrong))


def _of_path(said: Statement, _system: System) -> Account:
    method, _, path = said.path.partition(" ")
    problem = "" if (method, path) in PATHS else f"no {said.path}"
    return Account(said.says, f"`{said.path}`", "scenario tests", problem)


def _of_setting(said: Statement, _system: System) -> Account:
    here: Any = Settings()
    for part in said.setting.split("."):
        if not hasattr(here, part):
            return Account(said.says, f"`{said.setting}`", "", f"no setting {said.setting}")
        here = getattr(here, part)
    problem = "" if said.value in str(here) else f"the default is {here}"
    return Account(said.says, f"`{said.setting}`", "settings tests", problem)


def _of_file(said: Statement, _system: System) -> Account:
    path = ROOT / said.file
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    texts = (one.read_text(encoding="utf-8") for one in files)
    found = bool(said.text) and any(re.search(said.text, text) for text in texts)
    problem = "" if found else f"{said.file} has no {said.text}"
    return Account(said.says, f"[{said.file}](../{said.file})", "its text", problem)


def _of_nothing(said: Statement, _system: System) -> Account:
    return Account(said.says, f"not here: {said.why}", "")


_CHECKS: dict[str, Callable[[Statement, System], Account]] = {
    "alert": _of_alert,
    "record": _of_record,
    "metric": _of_metric,
    "panel": _of_panel,
    "panels": _of_panels,
    "own": _of_own,
    "path": _of_path,
    "setting": _of_setting,
    "file": _of_file,
    "why": _of_nothing,
}


@cache
def _rows() -> dict[tuple[str, str], Row]:
    return {(row.system, row.alert): row for row in rows(load_all())}


@cache
def _boards() -> dict[str, str]:
    folder = ROOT / "dashboards" / "json"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}


def statements_table() -> str:
    """Return the part of docs/systems.md that has a row for every statement."""
    lines = [
        "## What the documents state",
        "",
        "A row for every statement: where it is, and what checks it (`make prove PROOF=seeds`).",
    ]
    for document in documents():
        lines += ["", f"### {document.document}", "", "| statement | where | checked by |"]
        lines += ["|---|---|---|"]
        for row in accounts(document):
            cells = (row.says, row.place, row.check)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
