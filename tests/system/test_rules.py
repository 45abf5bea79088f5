"""The rules we ship, checked and run by the real promtool."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.tools import require_tool

REPOSITORY = Path(__file__).parents[2]
RULES = sorted((REPOSITORY / "rules").glob("*.yml"))


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_rules_are_valid_and_every_alert_fires_and_stays_silent(file: Path) -> None:
    promtool = require_tool("promtool")
    for command in (["check", "rules", file], ["test", "rules", file.parent / "tests" / file.name]):
        found = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
    tested = (file.parent / "tests" / file.name).read_text()
    for name in _alerts(file):
        assert len(re.findall(rf"\b{name}\b", tested)) >= 2, name


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_every_alert_has_a_runbook(file: Path) -> None:
    for name in _alerts(file):
        assert (REPOSITORY / "runbooks" / file.stem / f"{name}.md").is_file(), name


def test_the_scrape_configuration_is_valid() -> None:
    file = REPOSITORY / "deploy" / "prometheus.yml"
    found = subprocess.run(
        [require_tool("promtool"), "check", "config", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def _alerts(file: Path) -> list[str]:
    groups = yaml.safe_load(file.read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
