"""What a configuration hardly means, asked of the advice itself."""

from typing import Any

import pytest

from receiver.http.auth import EXPIRES_SOON_MS
from receiver.settings.advice import advise
from receiver.settings.check_unused import given_in
from tests.support.settings import said, usable

NOW = 1_800_000_000_000
HASH = "sha256:" + "0" * 64


def _advice(**sections: Any) -> dict[str, str]:
    return dict(said(advise(usable(**sections), given_in(sections), NOW)))


def test_nothing_is_said_of_nothing() -> None:
    assert _advice() == {}


def test_credentials_without_a_role_are_said_and_those_with_one_are_not() -> None:
    found = _advice(web={"credentials": [{"name": "a", "token_hash": HASH}]})
    assert "no role, so it may do everything" in found["web.credentials.0"]
    assert _advice(web={"credentials": [{"name": "a", "role": "admin", "token_hash": HASH}]}) == {}


@pytest.mark.parametrize(
    ("away", "words"),
    [(-1, "it expired at"), (0, "it expired at"), (1, "it expires at"), (EXPIRES_SOON_MS, "")],
)
def test_a_credential_that_ends_soon_is_said(away: int, words: str) -> None:
    entry = {"name": "a", "role": "viewer", "token_hash": HASH, "expires": NOW + away}
    found = _advice(web={"credentials": [entry]})
    assert found.get("web.credentials.0.expires", "").startswith(words)
    assert bool(found) is bool(words)


def test_an_address_of_others_without_credentials_is_said() -> None:
    found = _advice(web={"external_url": "https://im.example"})
    assert "no credentials are configured" in found["web.external_url"]
    assert _advice(web={"external_url": "http://[::1]:8080"}) == {}


def test_matchers_that_nothing_fulfils_are_said() -> None:
    beat = {"interval": "5m", "matchers": ["x=y", "x=z"]}
    assert "no alert matches" in _advice(heartbeats={"b": beat})["heartbeats.b.matchers"]
