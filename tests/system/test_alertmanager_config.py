import socket
import subprocess
import time

import pytest
import requests
import yaml

from systems.model import load_all
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.tools import require_tool

CONFIG = ROOT / "alertmanager.yml"


def amtool(*arguments):
    done = subprocess.run(
        [require_tool("amtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def route_of(labels):
    """The receivers of an alert as amtool prints them, joined by commas when there are several."""
    return amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels.split())


@pytest.mark.parametrize(
    "labels",
    [
        "alertname=HighCPU severity=critical job=api",
        "alertname=HighCPU severity=warning job=api",
        "alertname=HighCPU severity=info job=api",
        "alertname=HighCPU",
        "alertname=ServiceDown severity=critical job=api",
        "alertname=SampleAlert severity=critical",
        # PagerDuty fails for Alertmanager: that needs a page through us.
        "alertname=AlertmanagerFailedToSendAlerts severity=warning integration=pagerduty",
    ],
)
def test_an_ordinary_alert_goes_to_the_incident_manager_alone(labels):
    assert route_of(labels) == "incident-manager"


@pytest.mark.parametrize("about_us", ["job=llm-incident-manager", "system=incident-manager"])
@pytest.mark.parametrize(
    ("severity", "receiver"),
    [
        ("critical", "pagerduty-critical"),
        ("warning", "slack-warnings"),
        ("info", "slack-info"),
        ("page", "pagerduty-critical"),
    ],
)
def test_an_alert_about_this_service_never_goes_through_it(about_us, severity, receiver):
    assert route_of(f"alertname=ServiceDown severity={severity} {about_us}") == receiver


def test_every_alert_of_the_systems_takes_one_way():
    for system in load_all():
        for alert in system.alerts:
            labels = f"alertname={alert.alert} severity={alert.severity} system={system.system}"
            receivers = route_of(f"{labels} job={alert.job or system.job}")
            if system.system != "incident-manager":
                assert receivers == "incident-manager", alert.alert
            else:
                assert receivers in ("pagerduty-critical", "slack-warnings", "slack-info")


def test_an_alert_that_is_about_this_service_twice_over_is_sent_once():
    labels = "alertname=X severity=warning job=llm-incident-manager system=incident-manager"
    assert route_of(labels) == "slack-warnings"


@pytest.mark.parametrize(
    "labels",
    [
        "alertname=WebhookFailing severity=critical job=alertmanager system=incident-manager",
        "alertname=WebhookFailing severity=warning integration=webhook",
        "alertname=AlertmanagerFailedToSendAlerts severity=warning integration=webhook",
        "alertname=AlertmanagerClusterFailedToSendAlerts severity=critical integration=webhook",
        "alertname=AlertmanagerFailedToSendAlerts severity=warning",
    ],
)
def test_failing_webhooks_are_paged_whatever_their_severity(labels):
    assert route_of(labels) == "pagerduty-critical"


def test_the_config_is_valid_and_tells_one_webhook_about_everything():
    assert "SUCCESS" in amtool("check-config", str(CONFIG))
    config = yaml.safe_load(CONFIG.read_text())
    hooks = [
        hook for receiver in config["receivers"] for hook in receiver.get("webhook_configs", [])
    ]
    assert len(hooks) == 1
    assert hooks[0]["send_resolved"] is True
    assert hooks[0]["max_alerts"] == 0


def test_the_real_alertmanager_starts_with_it_before_any_secret_exists(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                require_tool("prometheus-alertmanager"),
                f"--config.file={CONFIG}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=output,
            stderr=output,
        )
    try:
        assert wait_ready(process, f"http://127.0.0.1:{port}/-/ready") == 200, log.read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_ready(process, url):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return requests.get(url, timeout=PATIENCE_S).status_code
        except requests.ConnectionError:
            time.sleep(0.05)
    return None


def test_prometheus_accepts_its_config_and_scrapes_us_under_the_name_the_routes_know():
    path = ROOT / "deploy" / "prometheus.yml"
    done = subprocess.run(
        [require_tool("promtool"), "check", "config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = {job["job_name"]: job for job in yaml.safe_load(path.read_text())["scrape_configs"]}
    assert jobs["llm-incident-manager"]["static_configs"] == [{"targets": ["localhost:9090"]}]
