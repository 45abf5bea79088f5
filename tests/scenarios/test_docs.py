"""The documents are complete: an endpoint, metric, setting or command that is missing fails."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from receiver.app.routes import PATHS, ROUTES
from receiver.cli.root import COMMANDS, load, main
from receiver.http.routes import API as HTTP_API
from receiver.http.routes import Who
from receiver.settings.model import Settings
from tests.support.app import App
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "configuration.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()


def test_every_endpoint_is_documented() -> None:
    table = API.split("## Metrics")[0]
    for _, path in PATHS:
        name = path.rstrip("/").replace("{name:.+}", "{name}")
        last = name.rpartition("/")[2]
        assert name in table or f"/{last}`" in table, path


def test_who_may_ask_is_documented() -> None:
    table = API.split("| who | for |")[1].split("\n\n")[0]
    documented = [set(re.findall(r"`([A-Z]+ [^`]+)`", line)) for line in table.splitlines()[2:]]
    for who, found in zip(Who, documented, strict=True):
        rows = [row for row in ROUTES if row.port == HTTP_API and row.who is who]
        assert found == {f"{row.method} {re.sub(':[^}]+', '', row.path)}" for row in rows}, who


async def test_every_metric_is_documented(plain: App) -> None:
    _, text = await plain.get("/metrics")
    names = set(re.findall(r"^# TYPE (\S+)", str(text), re.MULTILINE))
    ours = {name for name in names if not name.startswith(("process_", "python_"))}
    documented = set(re.findall(r"^\| `([a-z0-9_]+)` \|", API.split("## Metrics")[1], re.MULTILINE))
    assert ours == documented


def test_every_setting_is_documented() -> None:
    for section, field in Settings.model_fields.items():
        assert f"`{section}" in SETTINGS, section
        model = field.annotation
        for name in getattr(model, "model_fields", {}):
            shown = name.rstrip("_")
            assert re.search(rf"[`.]{shown}`|`{section}\.{shown}", SETTINGS), f"{section}.{name}"


@pytest.mark.parametrize("line", re.findall(r"\.venv/bin/incident-manager (.+)", README))
def test_every_command_of_the_readme_exists(line: str) -> None:
    words = [word for word in shlex.split(line, comments=True) if "=" not in word]
    known = [word for word in words if word not in ("ID", "SampleAlert")]
    result = CliRunner().invoke(main, [*known, "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "block", re.findall(r"^```yaml\n(.+?)^```", SETTINGS, re.MULTILINE | re.DOTALL)
)
def test_every_example_of_the_configuration_is_accepted(tmp_path: Path, block: str) -> None:
    (tmp_path / "heartbeat-url").write_text("https://beats.example/ping")
    (tmp_path / "heartbeat-url").chmod(0o600)
    file = tmp_path / "im.yml"
    accounts = {
        "slack": {"token": "xoxb-1", "channel": "C1"},
        "pagerduty": {"routing_key": "0123456789abcdef0123456789abcdef"},
    }
    if "managers" in block:
        accounts["notifiers"] = {"managers": {"type": "slack", "channel": "C2"}}  # type: ignore[dict-item]
    file.touch(mode=0o600)
    file.write_text(
        yaml.safe_dump(accounts) + block.replace("/run/secrets/heartbeat-url", "heartbeat-url")
    )
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert result.exit_code == 0, result.output
    assert "warning" not in result.output


def test_the_configuration_has_examples() -> None:
    assert SETTINGS.count("```yaml\n") >= 5


CHECKS = ("health-check", "validate-metrics", "weekly-report")


def test_every_option_of_the_checks_is_documented_and_exists() -> None:
    documented = set(re.findall(r"`(--[a-z-]+)`?", OPERATIONS.split("## By cron")[0]))
    parameters = [one for name in CHECKS for one in load(COMMANDS[name]).params]
    known = {option for one in parameters for option in one.opts if option.startswith("--")}
    assert documented <= known
    assert known - documented <= {"--output", "--storage-limit", "--days", "--end"}
    for option in ("--storage-limit", "--days", "--end"):
        assert option in OPERATIONS
    for one in parameters:
        if isinstance(one.envvar, str):
            assert f"`{one.opts[0]}` | `{one.envvar}`" in OPERATIONS


@pytest.mark.parametrize("line", re.findall(r"\b(incident-manager [a-z]+-[a-z].*)", OPERATIONS))
def test_every_command_of_the_operations_exists(line: str) -> None:
    command = re.split(r"[`)|>]", line)[0]
    words = shlex.split(command.rpartition("incident-manager ")[2], comments=True)
    assert words[0] in (*CHECKS, "check-config")
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output


async def test_every_check_is_documented(plain: App) -> None:
    checks = OPERATIONS.partition("## Every day: health-check")[2]
    named = {
        name.strip()
        for row in re.findall(r"^\| ([a-z, ]+) \|", checks, re.MULTILINE)
        for name in row.split(",")
    }
    words = ["health-check", "--url", plain.url, "-o", "json"]
    result = await asyncio.to_thread(CliRunner().invoke, main, words)
    for one in json.loads(result.output)["checks"]:
        name = one["name"].lower()
        assert name in named or name.split()[0] in named, name


@pytest.mark.parametrize("line", re.findall(r"(incident-manager store [a-z].*)", OPERATIONS))
def test_every_store_command_of_the_operations_exists(line: str) -> None:
    words = re.split(r"[`)|>#,;]", line)[0].split()[1:]
    known = [word for word in words if not word.startswith(("/", "FILE", "[FILE", "im.", "-"))]
    options = [word for word in words if word.startswith("--")]
    result = CliRunner().invoke(main, [*known[:2], "--help"])
    assert result.exit_code == 0, result.output
    assert all(option in result.output for option in options)


def test_every_store_command_is_documented() -> None:
    for name, command in load(COMMANDS["store"]).commands.items():  # type: ignore[attr-defined]
        assert f"incident-manager store {name}" in OPERATIONS
        for one in command.params:
            for option in one.opts:
                if option.startswith("--") and option != "--output":
                    assert f"`{option}" in OPERATIONS or f" {option}" in OPERATIONS, option
