"""What an entry of web.credentials may say, and what it means."""

import base64
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import ValidationError

from receiver.http.auth import Access
from receiver.http.config import CredentialConfig, hash_of
from receiver.roles import Role, may

TOKEN = "im_the-token-that-was-drawn"
DAY_MS = 86_400_000
END_OF_JANUARY = 1_801_440_000_000
"""2027-02-01T00:00:00Z in ms."""


def _entry(**fields: Any) -> CredentialConfig:
    return CredentialConfig.model_validate({"name": "one", "token_hash": hash_of(TOKEN)} | fields)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("2027-01-31", END_OF_JANUARY),
        ("2027-01-31T23:30:00Z", END_OF_JANUARY - 1_800_000),
        ("2027-02-01T01:00:00+01:00", END_OF_JANUARY),
        (0, 0),
    ],
)
def test_an_end_is_a_day_or_a_time_with_its_zone(given: object, end: int) -> None:
    assert _entry(expires=given).expires == end


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("soon", "must be a day such as"),
        ("2027-02-30", "must be a day such as"),
        ("2027-01-31T12:00:00", "has no zone"),
        ("9999-12-31", "must be a day such as"),
        (True, "must be a day such as"),
        (None, "must be a day such as"),
    ],
)
def test_another_end_is_refused_in_words(given: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _entry(expires=given)


@pytest.mark.parametrize(
    "wrong", ["sha256:", "sha256:" + "0" * 63, "sha256:" + "G" * 64, "md5:" + "0" * 32, TOKEN]
)
def test_a_hash_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="incident-manager token new"):
        _entry(token_hash=wrong)


def test_a_hash_stands_alone() -> None:
    for more in ({"token": TOKEN}, {"username": "ann"}, {"password": "long enough, surely"}):
        with pytest.raises(ValidationError, match="token_hash stands alone"):
            _entry(**more)


def test_an_entry_needs_something_to_show() -> None:
    with pytest.raises(ValidationError, match="either a token"):
        _entry(token_hash="")


@pytest.mark.parametrize(
    ("fields", "human", "acts"),
    [
        ({}, True, True),
        ({"role": "responder"}, False, False),
        ({"role": "responder", "human": True}, True, False),
        ({"role": "responder", "act_as": True}, False, True),
        ({"human": False}, False, True),
        ({"act_as": False}, True, False),
    ],
)
def test_who_uses_it_and_whether_in_others_names(
    fields: dict[str, Any], human: bool, acts: bool
) -> None:
    entry = _entry(**fields)
    assert (entry.is_human, entry.acts_for_others) == (human, acts)


def test_whoever_has_a_name_and_a_password_is_a_person() -> None:
    entry = CredentialConfig.model_validate(
        {"name": "ann", "role": "viewer", "username": "ann", "password": "long enough, surely"}
    )
    assert entry.is_human


def _asked(access: Access, token: str, needed: Role = Role.VIEWER, scheme: str = "Bearer") -> str:
    request = make_mocked_request("GET", "/", {"Authorization": f"{scheme} {token}"})
    found = access.check(request, needed)
    assert found is not None
    return found.name


def test_old_and_new_count_side_by_side_until_one_ends() -> None:
    now = 1_000
    entries = [
        _entry(name="old", role="viewer", expires=now + DAY_MS),
        _entry(name="new", role="viewer", token_hash=hash_of("another")),
        CredentialConfig.model_validate({"name": "plain", "token": "a-plain-token-of-old"}),
    ]
    moments = [now]
    access = Access(entries, lambda: moments[0])
    assert [_asked(access, one) for one in (TOKEN, "another", "a-plain-token-of-old")] == [
        "old",
        "new",
        "plain",
    ]
    moments[0] = now + DAY_MS
    with pytest.raises(web.HTTPUnauthorized, match="Unauthorized") as refused:
        _asked(access, TOKEN)
    assert "the credential old expired at 1970-01-02" in str(refused.value.text)
    assert _asked(access, "another") == "new"


@pytest.mark.parametrize("token", ["", " ", "x" * 100_000, hash_of(TOKEN), "Ünïcode"])
def test_what_no_entry_has_is_refused_whatever_it_is(token: str) -> None:
    access = Access([_entry(role="admin")], lambda: 0)
    with pytest.raises(web.HTTPUnauthorized):
        _asked(access, token)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_another_role_is_refused_with_both_names(role: Role, needed: Role) -> None:
    access = Access([_entry(role=role)], lambda: 0)
    if may(role, needed):
        assert _asked(access, TOKEN, needed) == "one"
        return
    with pytest.raises(web.HTTPForbidden) as refused:
        _asked(access, TOKEN, needed)
    words = str(refused.value.text)
    assert f"has the role {role}" in words
    assert f"needs {needed}" in words
    assert TOKEN not in words


def test_a_cluster_belongs_to_the_entry_that_names_it() -> None:
    access = Access([_entry(cluster="prod"), _entry(name="two")], lambda: 0)
    assert (access.owner_of("prod"), access.owner_of("staging"), access.owner_of("")) == (
        "one",
        "",
        "",
    )
    access.use([])
    assert access.owner_of("prod") == ""


def _basic(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize("entry", [{}, {"token_hash": "", "token": TOKEN}])
def test_a_browser_sends_a_token_as_the_password_of_its_entry(entry: dict[str, Any]) -> None:
    access = Access([_entry(role="viewer", **entry)], lambda: 0)
    assert _asked(access, _basic(f"one:{TOKEN}"), scheme="Basic") == "one"
    for pair in (f":{TOKEN}", f"two:{TOKEN}", f"{TOKEN}:", "one:", TOKEN, f"one:{TOKEN} "):
        with pytest.raises(web.HTTPUnauthorized):
            _asked(access, _basic(pair), scheme="Basic")


@pytest.mark.parametrize("scheme", ["", "Token", "Digest", "bearer\t"])
def test_no_other_scheme_shows_a_credential(scheme: str) -> None:
    access = Access([_entry(role="viewer")], lambda: 0)
    with pytest.raises(web.HTTPUnauthorized):
        _asked(access, TOKEN, scheme=scheme)
    assert _asked(access, TOKEN, scheme="BEARER") == "one"


def test_what_ends_soon_is_said_and_what_has_ended() -> None:
    now = 1_800_000_000_000
    ends = {"far": 20, "near": 13, "over": -1, "never": None}
    entries = [
        _entry(name=name, expires=now + days * DAY_MS if days is not None else 0)
        for name, days in ends.items()
    ]
    words = Access(entries, lambda: now).ending()
    assert words.startswith("the credential over expired at 2027-01-14T")
    assert "the credential near expires at 2027-01-28T" in words
    assert "far" not in words
    assert "never" not in words
    assert Access(entries[:1], lambda: now).ending() == ""
    many = [_entry(name=f"n{number}", expires=now + number) for number in range(9)]
    assert Access(many, lambda: now).ending().endswith("and 6 more: put a new one beside it")
