"""Single sign-on and proxies as they are configured, and what contradicts."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from receiver.errors import ConfigError
from receiver.http.login_config import OidcConfig, ProxyConfig
from receiver.roles import Role
from receiver.settings.load import read_settings
from tests.support.logins import entry

OIDC = {"issuer": "https://idp.example.com/realm", "client_id": "im", "roles": {"ops": "admin"}}
PROXY = {
    "header": "X-User",
    "groups_header": "X-Groups",
    "roles": {"ops": "admin"},
    "from": ["::1"],
}
SENDER = {"name": "am", "role": "sender", "token": "a-token-of-an-alertmanager"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"issuer": "http://idp.example.com"}, "by https"),
        ({"issuer": "https://idp.example.com?x=1"}, "without user, query and fragment"),
        ({"scopes": ["email"]}, "scopes need openid"),
        ({"client_id": ""}, "not empty"),
        ({"roles": {}}, "nobody would be let in"),
        ({"roles": {"ops": "sender"}}, "nobody logs in as a sender"),
        ({"default_role": "sender"}, "nobody logs in as a sender"),
        ({"roles": {" ops": "admin"}}, "no blanks"),
        ({"roles": {"ops": "god"}}, "Input should be"),
        ({"groups": "x"}, "Extra inputs"),
    ],
)
def test_a_single_sign_on_that_cannot_be_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        OidcConfig.model_validate(OIDC | fields)


def test_a_provider_of_this_machine_may_speak_http() -> None:
    for issuer in ("http://localhost:8080", "http://127.0.0.1/x"):
        assert OidcConfig.model_validate(OIDC | {"issuer": issuer}).issuer == issuer


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"from": []}, "at least 1"),
        ({"from": ["0.0.0.0/0"]}, "everybody"),
        ({"from": ["::/0"]}, "everybody"),
        ({"from": ["proxy.example.com"]}, "not an address"),
        ({"from": ["10.0.0.1/8"]}, "host bits"),
        ({"header": "X User"}, "pattern"),
        ({"groups_header": None}, "need a groups_header"),
    ],
)
def test_a_proxy_that_cannot_be_believed_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ProxyConfig.model_validate(PROXY | fields)


def test_of_several_groups_the_role_that_may_most() -> None:
    roles = {"all": "viewer", "oncall": "responder", "comms": "publisher", "leads": "admin"}
    config = OidcConfig.model_validate(OIDC | {"roles": roles})
    assert config.role_of(["oncall", "comms", "all", "x"]) is Role.PUBLISHER
    assert config.role_of(["leads", "all"]) is Role.ADMIN
    assert config.role_of(["x"]) is config.role_of([]) is None
    open_to_all = OidcConfig.model_validate(OIDC | {"default_role": "viewer"})
    assert open_to_all.role_of([]) is Role.VIEWER


def _read(tmp_path: Path, web: dict[str, Any], **sections: Any) -> tuple[str, ...]:
    file = tmp_path / "im.yml"
    file.write_text(yaml.safe_dump({"web": web, **sections}))
    file.chmod(0o600)
    return read_settings(file, {}, {}).warnings


def test_people_who_log_in_leave_nobody_without_a_way_to_send_alerts(tmp_path: Path) -> None:
    for web in ({"login": {"oidc": OIDC}}, {"credentials": [entry("ann", "admin")]}):
        with pytest.raises(ConfigError, match="add one with the role sender"):
            _read(tmp_path, web)
    _read(tmp_path, {"login": {"oidc": OIDC}, "credentials": [SENDER]})
    tokens = {"integrations": {"sentinel": {"token": "a-token-of-the-sentinel"}}}
    _read(tmp_path, {"login": {"oidc": OIDC}}, **tokens)


def test_the_provider_has_to_find_the_way_back(tmp_path: Path) -> None:
    web = {"login": {"oidc": OIDC}, "credentials": [SENDER], "listen_address": "0.0.0.0:8080"}
    with pytest.raises(ConfigError, match=r"web\.external_url is needed"):
        _read(tmp_path, web)
    assert not _said(_read(tmp_path, web | {"external_url": "https://im.example.com"}))


def _said(warnings: tuple[str, ...]) -> list[str]:
    return [words for words in warnings if "log in over http" in words]


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ({}, 0),
        ({"external_url": "http://im.example.com"}, 1),
        ({"external_url": "https://im.example.com"}, 0),
        ({"listen_address": "0.0.0.0:8080"}, 1),
        ({"external_url": "http://localhost:8080"}, 0),
    ],
)
def test_passwords_in_the_clear_are_said(tmp_path: Path, web: dict[str, Any], said: int) -> None:
    people = {"credentials": [SENDER, entry("ann")]}
    assert len(_said(_read(tmp_path, web | people))) == said


def test_a_name_that_people_choose_themselves_is_said(tmp_path: Path) -> None:
    for claim, said in (("name", 1), ("preferred_username", 1), ("email", 0), ("sub", 0)):
        web = {"login": {"oidc": OIDC | {"name_claim": claim}}, "credentials": [SENDER]}
        found = [words for words in _read(tmp_path, web) if "choose this themselves" in words]
        assert len(found) == said, claim


def test_limits_of_logins_that_nobody_makes_are_said(tmp_path: Path) -> None:
    limits = {"session_idle": "1h", "session_max": "1d", "lock_after": 5, "lock_for": "1h"}
    for login, people, unused in (
        ({}, [], 4),
        ({"proxy": PROXY}, [], 4),
        ({"oidc": OIDC}, [], 2),
        ({}, [entry("ann")], 0),
    ):
        web = {"login": {**limits, **login}, "credentials": [SENDER, *people]}
        found = [words for words in _read(tmp_path, web) if "has no effect" in words]
        assert len(found) == unused, found


def test_two_hashes_for_a_user_name_are_refused(tmp_path: Path) -> None:
    second = entry("ann", "admin") | {"name": "second"}
    with pytest.raises(ConfigError, match="a second password_hash for the user name ann"):
        _read(tmp_path, {"credentials": [SENDER, entry("ann"), second]})


def test_the_secret_of_a_client_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    (tmp_path / "secret").chmod(0o600)
    web = {"login": {"oidc": OIDC | {"client_secret_file": "secret"}}, "credentials": [SENDER]}
    assert not any("client_secret" in words for words in _read(tmp_path, web))
