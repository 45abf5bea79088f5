"""The rules that ship, printed with links to where a user has runbooks and dashboards."""

import pytest
import yaml
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.paths import rules_folder


def run(*words):
    return CliRunner().invoke(main, ["rules", *words])


def shipped():
    return [
        rule
        for file in sorted(rules_folder().glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def printed(*words):
    done = run(*words)
    assert done.exit_code == 0, done.output
    return [rule for group in yaml.safe_load(done.output)["groups"] for rule in group["rules"]]


def test_without_addresses_they_are_as_they_ship():
    assert printed() == shipped()


def test_links_begin_with_what_is_said_and_nothing_else_changes():
    made = printed(
        "--runbooks-at", "https://im.example/pre/", "--dashboards-at", "https://g.example"
    )
    for rule, before in zip(made, shipped(), strict=True):
        if "alert" not in rule:
            assert rule == before
            continue
        links = rule["annotations"]
        was = before["annotations"]
        assert links["runbook_url"] == f"https://im.example/pre{was['runbook_url']}"
        assert links["dashboard_url"] == f"https://g.example{was['dashboard_url']}"
        assert {**rule, "annotations": None} == {**before, "annotations": None}
        assert {**links, "runbook_url": 0, "dashboard_url": 0} == {
            **was,
            "runbook_url": 0,
            "dashboard_url": 0,
        }


def test_one_system_alone():
    names = {rule["labels"]["system"] for rule in printed("orchestrator", "orchestrator")}
    assert names == {"orchestrator"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "allowed: auto-optimizer, config-manager, incident-manager, orchestrator"),
        (["../deploy/prometheus"], "allowed: "),
        (["--runbooks-at", "im.example"], "not an http or https URL"),
        (["--dashboards-at", "https://u:p@g.example"], "not an http or https URL"),
    ],
)
def test_a_mistake_is_said(words, said):
    done = run(*words)
    assert done.exit_code != 0
    assert said in done.output
    assert "Traceback" not in done.output
