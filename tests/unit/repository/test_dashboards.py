"""The dashboards: made from code, complete as their documents list them, and about what exists."""

import json
import re

import pytest

from dashboards.__main__ import BOARDS, files
from dashboards.build import Board, Panel
from systems.model import load_all

FOLDER = next(iter(files())).parent
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


PANELS = [(board, panel) for board in BOARDS for panel in board.panels]


@pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board.uid}: {panel.title}" for board, panel in PANELS]
)
def test_a_panel_has_a_unit_a_description_and_a_threshold(board: Board, panel: Panel) -> None:
    assert len(panel.about.split()) >= 4
    assert panel.about.rstrip().endswith((".", ")", "?"))
    assert bool(panel.queries) != (panel.kind == "text")
    if panel.queries:
        assert panel.unit
        # A trend has no value that is good or bad by itself; everything else says where it is.
        assert panel.trend != bool(panel.limits)
        values = [value for value, _ in panel.limits]
        assert values == sorted(set(values))
        assert {colour for _, colour in panel.limits} <= {"green", "yellow", "red"}


def test_most_panels_say_what_is_bad() -> None:
    limited = [panel for _, panel in PANELS if panel.limits]
    assert len(limited) > len(PANELS) / 2
    for title in ("MTTA", "MTTR", "Deadlines met", "Deadlines missed"):
        (found,) = [panel for _, panel in PANELS if panel.title == title]
        assert found.limits


def test_where_more_is_better_little_is_red() -> None:
    (board,) = [board for board in BOARDS if board.uid == "systems-at-a-glance"]
    made = json.loads(files()[FOLDER / f"{board.uid}.json"])
    (panel,) = [one for one in made["panels"] if one["title"] == "Do the systems work?"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [(None, "red"), (1, "green")]
    words = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert {value: one["text"] for value, one in words.items()} == {"1": "Working", "0": "DOWN"}


def test_every_dashboard_has_its_variables_and_links() -> None:
    wanted = {"instance", "environment", "pipeline", "backend_type", "system", "team"}
    assert {name for board in BOARDS for name in board.variables} == wanted
    for board in BOARDS:
        text = files()[FOLDER / f"{board.uid}.json"]
        made = json.loads(text)
        names = [one["name"] for one in made["templating"]["list"]]
        assert names == ["datasource", *board.variables, "incident_manager"]
        for name in board.variables:
            assert f'=~\\"${name}\\"' in text, (board.uid, name)
        assert [link["type"] for link in made["links"]] == ["dashboards", "link", "link"]
        assert made["links"][1]["url"] == "${incident_manager}/runbooks/?text=" + board.system
        assert len(made["description"].split()) > 5
        assert "localhost" not in text


def test_a_filter_is_no_matcher_of_what_has_no_such_label() -> None:
    board = Board("x", "x", "s", "j", (), variables=("instance", "team"))
    assert board.expand("up{$job}") == 'up{job="j", instance=~"$instance"}'
    assert board.expand("system:x:y{$job}") == 'system:x:y{job="j"}'
    assert board.expand('sum(up{$job, a="b"})') == 'sum(up{job="j", instance=~"$instance", a="b"})'


def test_response_times_are_of_the_chosen_range() -> None:
    (board,) = [board for board in BOARDS if board.uid == "incident-manager-slos"]
    for title in ("Acknowledged: half, and nine in ten", "Resolved: half, and nine in ten"):
        (panel,) = [panel for panel in board.panels if panel.title == title]
        shares = [re.findall(r"histogram_quantile\((0\.\d+)", one)[0] for one, _ in panel.queries]
        assert shares == ["0.5", "0.9"]
        assert all("[$__range]" in one for one, _ in panel.queries)


def test_every_query_selects_a_job_or_a_system_and_records_exist() -> None:
    every = {system.job: {rule.record for rule in system.recording} for system in SYSTEMS.values()}
    for board in BOARDS:
        assert board.job == SYSTEMS[board.system].job
        for title, expression in board.expressions():
            assert re.search(r"(job|system|deployment|pod|service|ingress)=", expression)
            assert "$" not in expression, (board.uid, title)
            for name, job in re.findall(r'\b(system:[a-z0-9_:]+)\{job="([^"]+)"', expression):
                assert name in every[job], (board.uid, title, name)


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
