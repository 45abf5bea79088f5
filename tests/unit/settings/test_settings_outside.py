"""The settings of what is asked and told outside: Alertmanagers, and the outgoing heartbeat."""

from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from receiver.settings.schema import secret_values

URL = "https://hc.example/3f1c-secret?create=1"


def load(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "im.yml").write_text(text)
    return load_settings(folder / "im.yml", environ, {})


def test_alertmanagers_with_their_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    text = """
alertmanagers:
  - urls: [http://am-0:9093/, https://am-1/prefix/]
    cluster: eu
    token_file: token
  - {urls: ['http://am'], username: u, password: 'p:w', warm_up: 0}
"""
    settings = load(tmp_path, text)
    first, second = settings.alertmanagers
    assert first.urls == ("http://am-0:9093", "https://am-1/prefix")
    assert (first.cluster, first.warm_up, second.warm_up) == ("eu", 300_000, 0)
    assert "t0ken" not in repr(settings)
    assert {"t0ken", "p:w"} <= set(secret_values(settings))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{urls: []}", "alertmanagers.0.urls: "),
        ("{cluster: eu}", "alertmanagers.0.urls: required"),
        ("{urls: ['am:9093']}", "alertmanagers.0.urls.0: not an http or https URL"),
        ("{urls: ['http://u:p@am']}", "alertmanagers.0.urls.0: not an http or https URL"),
        ("{urls: ['http://am'], username: u}", "alertmanagers.0: needs either a token, or a"),
        ("{urls: ['http://am'], username: u, password: p, token: t}", "needs either a token"),
        ("{urls: ['http://am'], username: 'u:v', password: p}", "a username has no colon"),
        ("{urls: ['http://am'], warm_up: 5}", "alertmanagers.0.warm_up: a duration needs a unit"),
        ("{url: 'http://am'}", "alertmanagers.0.url: unknown key; did you mean urls?"),
    ],
)
def test_what_is_wrong_with_an_alertmanager(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"alertmanagers:\n  - {entry}\n")
    assert words in str(caught.value)


@pytest.mark.parametrize("url", [URL, "http://u:p@[::1]:8080/", "http://hc.example"])
def test_the_url_of_a_heartbeat_is_a_secret(tmp_path: Path, url: str) -> None:
    (tmp_path / "url").write_text(url + "\n")
    text = "outgoing_heartbeat: {url_file: url, method: POST, interval: 30s}\n"
    settings = load(tmp_path, text)
    config = settings.outgoing_heartbeat
    assert config.url is not None
    assert config.url.get_secret_value() == url
    assert (config.method, config.interval) == ("post", 30_000)
    assert url not in repr(settings)
    assert url in secret_values(settings)
    assert load(tmp_path, "", LLM_IM__OUTGOING_HEARTBEAT__URL="").outgoing_heartbeat.url is None


@pytest.mark.parametrize(
    "url",
    [
        "secret",
        "ftp://secret/",
        "http:///secret",
        "http://h:99999/secret",
        "http://[secret/",
        "http://h/a secret",
        "http://h/#secret",
        "http://h/\u200bsecret",
    ],
)
def test_a_wrong_url_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    environ: dict[str, Any] = {"LLM_IM__OUTGOING_HEARTBEAT__URL": url}
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "", **environ)
    assert "outgoing_heartbeat.url: not an http or https URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_methods_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"outgoing_heartbeat\.method: .*allowed: get, post"):
        load(tmp_path, "outgoing_heartbeat: {method: PUT}\n")
