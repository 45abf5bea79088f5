"""The configuration as it can be shown: readable again, and without a secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from receiver.settings.shown import HIDDEN, digest_of, shown

SECRETS = (
    "xoxb-9-very-secret",
    "the-signing-secret-of-slack",
    "pw-of-redis",
    "a-long-token-of-ops",
)
RICH = """
slack: {token: xoxb-9-very-secret, signing_secret: the-signing-secret-of-slack, channel: C1}
redis: {url: "redis://ann:pw-of-redis@127.0.0.1:6379/0"}
web:
  credentials:
    - {name: ops, token: a-long-token-of-ops, role: viewer, expires: 2031-01-31}
    - {name: hashed, role: viewer, token_hash: "sha256:%s"}
calendars:
  default: {time_zone: Europe/Berlin, hours: ["09:00-12:00"], holidays: {country: DE}}
priorities:
  P3: {acknowledge_within: 90 business minutes, resolve_within: 1h30m business time}
  P4: {acknowledge_within: next business day}
escalations:
  shop: {repeat: 2, remind_after: 1h, steps: [{notify: [slack]}, {after: 500ms, notify: [log]}]}
notifiers: {log: {type: log}}
classify: {rules: [{matchers: ['value!~"a.*"', 'b="c,d"'], when: "value > 0.05", priority: P1}]}
route: {routes: [{name: shop, matchers: ['service=~"shop|till"'], escalation: shop}]}
heartbeats: {backup: {interval: 26h, matchers: ['alertname="Backup"']}}
storage: {max_memory: 512mb}
""" % ("a" * 64)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "im.yml"
    file.write_text(RICH)
    file.chmod(0o600)
    return load_settings(file, {}, {})


def again(data: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "again.yml"
    file.write_text(yaml.safe_dump(data))
    file.chmod(0o600)
    return shown(load_settings(file, {}, {}))


def test_no_secret_is_in_it(settings: Settings) -> None:
    text = yaml.safe_dump(shown(settings))
    assert not any(secret in text for secret in (*SECRETS, "a" * 64))
    assert shown(settings)["slack"]["token"] == HIDDEN
    assert shown(settings)["redis"]["url"] == "redis://ann:***@127.0.0.1:6379/0"
    assert shown(settings)["web"]["credentials"][1]["token_hash"] == HIDDEN


def test_it_reads_as_it_would_be_written(settings: Settings) -> None:
    found = shown(settings)
    assert found["escalations"]["shop"]["steps"][1]["after"] == "500ms"
    assert found["priorities"]["P3"]["acknowledge_within"] == "1h30m business time"
    assert found["classify"]["rules"][0]["matchers"] == ['value!~"a.*"', 'b="c,d"']
    assert found["heartbeats"]["backup"]["interval"] == "1d2h"
    assert found["web"]["credentials"][0]["expires"].startswith("2031-02-01")


def test_the_same_program_reads_it_again(settings: Settings, tmp_path: Path) -> None:
    found = shown(settings)
    # A hash that is hidden is none.
    found["web"]["credentials"] = []
    assert again(found, tmp_path) == found


def test_the_usual_configuration_is_read_again(tmp_path: Path) -> None:
    found = shown(load_settings(None, {}, {}))
    assert again(found, tmp_path) == found


def test_the_hash_tells_configurations_apart_and_no_secrets(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "other.yml"
    file.write_text(RICH.replace("xoxb-9-very-secret", "xoxb-another-secret"))
    file.chmod(0o600)
    other = digest_of(shown(load_settings(file, {}, {})))
    assert digest_of(shown(settings)) == other
    file.write_text(RICH.replace("repeat: 2", "repeat: 3"))
    assert digest_of(shown(load_settings(file, {}, {}))) != other
