"""A heartbeat that Alertmanager cannot beat: its alert repeats too seldom, or goes elsewhere."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.cli.root import main

HEARTBEAT = "heartbeats: {watchdog: {interval: 5m, matchers: ['alertname=\"Watchdog\"']}}\n"
HOOK = "http://127.0.0.1:8080/v1/alerts/webhook"
RECEIVERS = f"""\
receivers:
  - {{name: im, webhook_configs: [{{url: "{HOOK}"}}]}}
  - {{name: 'null'}}
"""


def warnings(tmp_path: Path, route: str, heartbeats: str = HEARTBEAT) -> list[str]:
    ours, theirs = tmp_path / "im.yml", tmp_path / "am.yml"
    ours.write_text(f"{heartbeats}incidents: {{stale_after: 1w}}\n")
    theirs.write_text(RECEIVERS + route)
    result = CliRunner().invoke(main, ["check-config", "--alertmanager", str(theirs), str(ours)])
    assert result.exit_code == 0, result.output
    lines = result.output.replace(str(theirs), "am.yml").splitlines()
    return [line for line in lines if "heartbeats.watchdog" in line]


def test_the_usual_repeat_interval_is_too_long(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, "route: {receiver: im}\n")
    assert found.startswith(
        'warning: am.yml:4: the alert of heartbeats.watchdog (alertname="Watchdog") is repeated'
        " every 4h (repeat_interval 4h, in steps of group_interval 5m), and the heartbeat is"
        " missing after 5m"
    )


@pytest.mark.parametrize(
    ("route", "every"),
    [
        ("group_interval: 1m, repeat_interval: 4m", None),
        ("group_interval: 1m, repeat_interval: 5m", "5m"),
        # What is due waits for the next turn of its group.
        ("group_interval: 10m, repeat_interval: 1m", "10m"),
        ("group_interval: 3m, repeat_interval: 4m", "6m"),
    ],
)
def test_a_route_of_its_own(tmp_path: Path, route: str, every: str | None) -> None:
    text = f"""\
route:
  receiver: im
  routes:
    - {{matchers: [severity="critical"], receiver: 'null', repeat_interval: 1m}}
    - {{matchers: [alertname="Watchdog"], {route}}}
"""
    found = warnings(tmp_path, text)
    assert [f"every {every}" in line for line in found] == ([] if every is None else [True])
    assert all("am.yml:8:" in line for line in found)


def test_an_alert_that_never_comes_here(tmp_path: Path) -> None:
    text = "route: {receiver: im, routes: [{match: {alertname: Watchdog}, receiver: 'null'}]}\n"
    (found,) = warnings(tmp_path, text)
    assert "goes to null and never comes here: it would be missing after 5m" in found
    further = text.replace("receiver: 'null'}", "receiver: 'null', continue: true}, {receiver: im}")
    assert "is repeated every 4h" in warnings(tmp_path, further)[0]


def test_what_cannot_be_known_is_not_warned_of(tmp_path: Path) -> None:
    text = "heartbeats: {watchdog: {interval: 5m, matchers: ['alertname=~\"Watch.*\"']}}\n"
    assert warnings(tmp_path, "route: {receiver: im}\n", text) == []
    text = "heartbeats: {watchdog: {interval: 5m}}\n"
    assert warnings(tmp_path, "route: {receiver: im}\n", text) == []
