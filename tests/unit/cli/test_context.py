"""Services by name: what a context says, what is said instead of it, and a file that is odd."""

import json
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from receiver.cli.client import token_option, url_option
from receiver.cli.root import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("URL", "TOKEN", "CONTEXT"):
        monkeypatch.delenv(f"INCIDENT_MANAGER_{name}", raising=False)
    return tmp_path / "incident-manager" / "contexts.json"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["context", *words])


@click.command()
@url_option
@token_option
def asks(url: str, token: str) -> None:
    click.echo(f"{url} {token}")


def asked(*words: str) -> str:
    return CliRunner().invoke(asks, words).output.strip()


def test_the_first_one_is_used_until_another_is_chosen(home: Path) -> None:
    assert run("list").output.startswith("no contexts")
    assert run("set", "prod", "--url", "https://im.example.com", "--token", "s3cret").exit_code == 0
    run("set", "here", "--url", "http://127.0.0.1:9")
    assert stat.S_IMODE(home.stat().st_mode) == 0o600
    assert asked() == "https://im.example.com s3cret"
    listed = run("list").output
    assert "* prod  https://im.example.com  (token)" in listed
    assert "s3cret" not in listed
    assert run("use", "here").exit_code == 0
    assert asked() == "http://127.0.0.1:9"
    assert asked("--context", "prod") == "https://im.example.com s3cret"


def test_what_is_said_itself_counts_before_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    run("set", "prod", "--url", "https://im.example.com", "--token", "s3cret")
    assert asked("--url", "http://a") == "http://a s3cret"
    monkeypatch.setenv("INCIDENT_MANAGER_URL", "http://b")
    monkeypatch.setenv("INCIDENT_MANAGER_TOKEN", "t")
    assert asked() == "http://b t"
    monkeypatch.delenv("INCIDENT_MANAGER_URL")
    run("set", "two", "--url", "http://two")
    monkeypatch.setenv("INCIDENT_MANAGER_CONTEXT", "two")
    assert asked() == "http://two t"


def test_a_name_that_is_forgotten_is_used_no_more(home: Path) -> None:
    run("set", "prod", "--url", "http://a", "--token", "s3cret")
    assert run("delete", "prod").exit_code == 0
    assert "s3cret" not in home.read_text()
    assert asked() == "http://127.0.0.1:8080"
    for words in (("use", "prod"), ("delete", "prod")):
        result = run(*words)
        assert (result.exit_code, "no context is named 'prod'" in result.output) == (1, True)
    assert "no context is named 'prod' (named: none)" in asked("--context", "prod")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"contexts": 7}', '{"contexts": {"a": 1}}', "\x00"]
)
def test_a_file_that_is_odd_is_said(home: Path, text: str) -> None:
    home.parent.mkdir()
    home.write_text(text)
    result = run("list")
    assert result.exit_code == 1
    assert str(home) in result.output


def test_a_token_that_is_no_text_is_one(home: Path) -> None:
    home.parent.mkdir()
    home.write_text(
        json.dumps({"current": "a", "contexts": {"a": {"url": "http://a", "token": 7}}})
    )
    assert asked() == "http://a 7"
