"""The rules we ship, checked and run by the real promtool."""

import re
from pathlib import Path

import pytest
import yaml

from tests.support.places import ROOT
from tests.support.tools import promtool

RULES = sorted((ROOT / "rules").glob("*.yml"))
TESTS = sorted((ROOT / "rules" / "tests").glob("*.yml"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_every_alert_fires_and_stays_silent(file: Path) -> None:
    promtool("test", "rules", str(file))


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_rules_are_valid_and_every_alert_has_its_two_tests(file: Path) -> None:
    promtool("check", "rules", str(file))
    tests = "".join(one.read_text() for one in TESTS if file.name in _rules_of(one))
    for name in _alerts(file):
        assert len(re.findall(rf"^- name: {name} (?:fires|is silent)$", tests, re.MULTILINE)) == 2


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_every_alert_has_a_runbook(file: Path) -> None:
    for name in _alerts(file):
        assert (ROOT / "runbooks" / file.stem / f"{name}.md").is_file(), name


def test_the_scrape_configuration_is_valid() -> None:
    promtool("check", "config", str(ROOT / "deploy" / "prometheus.yml"))


def _rules_of(tests: Path) -> list[str]:
    """Return the names of the files of rules that a file of tests is about."""
    return [Path(name).name for name in yaml.safe_load(tests.read_text())["rule_files"]]


def _alerts(file: Path) -> list[str]:
    groups = yaml.safe_load(file.read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
