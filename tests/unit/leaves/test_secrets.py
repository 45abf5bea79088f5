"""Every secret that a configuration can hold is one that no log line shows."""

import json
import logging
import traceback
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from receiver import secrets
from receiver.errors import ConfigError
from receiver.observability import logs
from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from receiver.settings.schema import extra_of, models_of, secret_values, secrets_of

EVERYTHING: dict[str, Any] = {
    "audit.anchor_token": "S-audit-anchor",
    "web.credentials": [
        {"name": "a", "token": "S-web-token"},
        {"name": "b", "username": "ann", "password": "S-web-password"},
    ],
    "web.login": {
        "oidc": {
            "issuer": "https://idp.example",
            "client_id": "im",
            "client_secret": "S-client",
            "default_role": "viewer",
        }
    },
    "web.metrics_token": "S-metrics",
    "redis.url": "redis://user:S-redis%2Fpass@host:6379/0?password=S-query",
    "slack.token": "S-slack",
    "slack.signing_secret": "S-signing",
    "slack.app_token": "xapp-S-app",
    "slack.channel": "C0",
    "pagerduty.routing_key": "S-routing-key-of-32-characters-x",
    "pagerduty.webhook_secret": "S-hook",
    "pagerduty.webhook_secret_previous": "S-hook-before",
    "pagerduty.rest_token": "S-rest",
    "alertmanagers": [
        {"urls": ["http://am"], "token": "S-am-token"},
        {"cluster": "b", "urls": ["http://b"], "username": "ann", "password": "S-am-password"},
    ],
    "integrations": {
        "sentinel": {"token": "S-in", "url": "http://s", "url_token": "S-out"},
    },
    "enrichment.prometheus": {"url": "http://p", "username": "ann", "password": "S-prom"},
    "enrichment.summary": {"url": "http://llm/v1", "token": "S-llm", "model": "small"},
    "outgoing_heartbeat.url": "https://beats.example/S-beat",
    "notifiers": {
        "other": {"type": "slack", "channel": "C1", "token": "S-other"},
        "third": {"type": "pagerduty", "routing_key": "S-third-key-with-32-characters-x"},
    },
}


def _possible(annotation: Any, seen: frozenset[Any] = frozenset()) -> set[tuple[str, str]]:
    """Return (model, field) of every secret that a type can hold."""
    if get_args(annotation):
        return set().union(*(_possible(one, seen) for one in get_args(annotation)))
    kinds = models_of(annotation)
    if not kinds or kinds[0] in seen:
        return set()
    (kind,) = kinds
    below = [*(field.annotation for field in kind.model_fields.values()), extra_of(kind)]
    own = {(kind.__name__, name) for name in secrets_of(kind)}
    return own.union(*(_possible(one, seen | {kind}) for one in below if one is not None))


def _held(value: Any) -> set[tuple[str, str]]:
    """Return (model, field) of every secret that is there."""
    if isinstance(value, dict):
        return set().union(*map(_held, value.values()))
    if isinstance(value, tuple):
        return set().union(*map(_held, value))
    if not isinstance(value, BaseModel):
        return set()
    given = dict(value) | (value.model_extra or {})
    own = {(type(value).__name__, name) for name in secrets_of(type(value)) if given[name]}
    return own | _held(given)


def test_the_configuration_above_has_every_kind_of_secret() -> None:
    possible = _possible(Settings)
    assert ("IntegrationConfig", "url_token") in possible
    # Prometheus is asked with a token or a password, not with both.
    held = _held(load_settings(None, {}, EVERYTHING)) | {("PrometheusConfig", "token")}
    assert held == possible


def test_every_secret_is_hidden_in_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_SECRETS", secrets.Secrets())
    secrets.redact(secret_values(load_settings(None, {}, EVERYTHING)))
    stream = StringIO()
    logs.setup_logging("info", "json", stream)
    words = [word.strip('",]}') for word in json.dumps(EVERYTHING).split() if "S-" in word]
    words += ["S-redis/pass", "S-redis%2Fpass", "S-query"]
    for word in words:
        logging.getLogger("test").warning("it said %s", word, extra={"more": {"deep": [word]}})
    assert len(words) >= 20
    assert "S-" not in stream.getvalue()


def test_a_configuration_without_secrets_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_SECRETS", secrets.Secrets())
    secrets.redact(secret_values(load_settings(None, {}, {"redis.url": "redis://host:6379/0"})))
    assert secrets._SECRETS.hide("redis://host:6379/0 is fine") == "redis://host:6379/0 is fine"


@pytest.mark.parametrize(
    "url", ["redis://:hun/ter2@host:6379", "redis://u:hun#ter2@host", "redis://[x:hunter2@host"]
)
def test_a_password_that_breaks_its_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {"LLM_IM__REDIS__URL": url}, {})
    assert "LLM_IM__REDIS__URL: redis.url: host and port cannot be read" in str(caught.value)
    assert "hun" not in str(caught.value)
    assert "hun" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "line",
    [
        "slack: {token: !hunter2}",
        "slack: {token: *hunter2}",
        "slack: {token: &hunter2 !hunter2 x}",
        "slack:\n  token: !<hunter2> x",
        "pagerduty: {rest_token: !hunter2 [x]}",
        "integrations: {s: {url: 'http://ann:hunter2/x@host/'}}",
        "enrichment: {prometheus: {url: 'http://[hunter2]/'}}",
        "alertmanagers: [{urls: ['http://ann:hunter2#@host']}]",
        "tracing: {endpoint: 'http://ann:hunter2@host'}",
        "slack: {base_url: 'http://[hunter2'}",
        "web: {external_url: 'http://ann:hunter2@[::1'}",
        "hunter2",
        "slack: hunter2",
        "slack: {token: {hunter2: x}}",
        "slack: {token: [hunter2]}",
        "web: {credentials: [hunter2]}",
        "web: {credentials: hunter2}",
        'web: {metrics_token: "hunter2\\nx"}',
        "redis: {url: 'hunter2@host'}",
        "redis: {url: [hunter2]}",
        "pagerduty: {routing_key: hunter2}",
        "slack: {app_token: hunter2}",
        "outgoing_heartbeat: {url: 'hunter2'}",
        "slack: {token: hunter2",
        "slack: {token: 'hunter2",
        "slack: {token: hunter2: x: y}",
    ],
)
def test_no_problem_of_a_configuration_repeats_a_secret(tmp_path: Path, line: str) -> None:
    file = tmp_path / "im.yml"
    file.write_text(line + "\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {}, {})
    assert "hunter" not in str(caught.value)
    assert f"{file}:" in str(caught.value)


def test_the_ticket_of_a_socket_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    from receiver.slack.interactions import (  # noqa: PLC0415 - slack-sdk is slow to import
        socket_mode as socket,
    )

    error = "429, url='wss://wss.example/link/?ticket=hunter2-a&app_id=1'"
    socket._sdk_log.error("Failed to connect (error: %s); Retrying...", error)
    assert "hunter2" not in caplog.text
    assert "ticket=***&app_id=1'); Retrying" in caplog.text
