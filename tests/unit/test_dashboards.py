"""The dashboards: made from code, complete as their documents list them, and about what exists."""

import json
import re

import pytest

from dashboards.__main__ import BOARDS, files
from systems.model import load_all

SYSTEMS = {system.system: system for system in load_all()}


def test_every_dashboard_is_up_to_date_and_none_is_left_over() -> None:
    made = files()
    old = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert old == [], "run `make dashboards`"
    folder = next(iter(made)).parent
    assert set(folder.glob("*.json")) == set(made)


def test_the_dashboards_that_alerts_link_to_are_there() -> None:
    uids = {board.uid for board in BOARDS}
    assert len(uids) == len(BOARDS)
    assert {system.dashboard for system in SYSTEMS.values()} <= uids


@pytest.mark.parametrize(
    ("uid", "panels"),
    [
        ("config-manager-operations", 12),
        ("config-manager-security", 6),
        ("config-manager-performance", 6),
    ],
)
def test_a_dashboard_has_as_many_panels_as_its_document_lists(uid: str, panels: int) -> None:
    (board,) = [board for board in BOARDS if board.uid == uid]
    assert len(board.panels) == panels
    assert len({panel.title for panel in board.panels}) == panels


def test_a_panel_has_queries_or_says_why_not() -> None:
    for board in BOARDS:
        for panel in board.panels:
            assert bool(panel.queries) != (panel.kind == "text"), panel.title
            assert panel.queries or len(panel.about.split()) > 5


def test_every_query_selects_a_job_or_a_system_and_records_exist() -> None:
    for board in BOARDS:
        system = SYSTEMS[board.system]
        assert board.job == system.job
        recorded = {rule.record for rule in system.recording}
        for title, expression in board.expressions():
            assert re.search(r"job=|system=|deployment=", expression), (board.uid, title)
            for name in re.findall(r"\bsystem:[a-z0-9_:]+", expression):
                assert name in recorded, (board.uid, title, name)


def test_what_grafana_reads_has_a_data_source_and_a_place_for_each_panel() -> None:
    for path, text in files().items():
        board = json.loads(text)
        assert board["uid"] == path.stem
        places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in board["panels"]]
        assert len(set(places)) == len(places)
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                assert target["expr"]
        assert board["templating"]["list"][0]["type"] == "datasource"
