"""Passwords: whose they are, how long that takes, and how many may wait."""

import time
from contextlib import ExitStack
from typing import Any

import pytest
from argon2 import PasswordHasher
from pydantic import ValidationError

from receiver.http.config import CredentialConfig
from receiver.login.passwords import (
    KNOWN_MOST,
    WAITING_MOST,
    BusyError,
    Passwords,
    hash_password,
    proof_of,
)
from tests.support.logins import PASSWORD, entry


def _entry(name: str = "ann", **more: Any) -> CredentialConfig:
    return CredentialConfig.model_validate(entry(name, **more))


def _plain(username: str, password: str) -> CredentialConfig:
    fields = {"name": f"{username}-{password[:3]}", "username": username, "password": password}
    return CredentialConfig.model_validate(fields)


async def test_a_password_is_of_its_user_name_alone() -> None:
    ann, ben = _entry("ann"), _entry("ben", password="another long password")
    found = Passwords([ann, ben])
    assert await found.check("ann", PASSWORD) == ann
    assert await found.check("ben", "another long password") == ben
    for name, password in (
        ("ben", PASSWORD),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("ann", ""),
        ("ann", PASSWORD + " "),
        ("ann", ann.password_hash),
        ("ann", "\udcff"),
        ("ann", PASSWORD + "x" * 1_000),
    ):
        assert await found.check(name, password) is None, (name, password)
    found.close()


async def test_plain_ones_count_side_by_side_while_one_replaces_another() -> None:
    old, new = _plain("ann", "the old password"), _plain("ann", "new password, too")
    found = Passwords([old, new, CredentialConfig.model_validate({"name": "t", "token": "x" * 20})])
    assert await found.check("ann", "the old password") == old
    assert await found.check("ann", "new password, too") == new
    assert await found.check("ann", "x" * 20) is None
    found.use([new])
    assert await found.check("ann", "the old password") is None
    found.close()


async def test_a_name_that_nobody_has_takes_as_long() -> None:
    hashed = hash_password(PASSWORD)
    known = CredentialConfig.model_validate(entry("ann") | {"password_hash": hashed})
    found = Passwords([known])
    # The first one makes the hash of nobody. Of a thread of low priority on a busy machine only the
    # shortest of several says how long it takes.
    await found.check("nobody", "wrong")
    took: dict[str, list[float]] = {"ann": [], "nobody": []}
    for name in ("ann", "nobody") * 7:
        started = time.perf_counter()
        await found.check(name, "wrong")
        took[name].append(time.perf_counter() - started)
    assert 0.2 < min(took["ann"]) / min(took["nobody"]) < 5
    found.close()


async def test_so_many_wait_and_those_who_are_known_find_a_place_all_the_same() -> None:
    found = Passwords([_entry()])
    with ExitStack() as held:
        for _ in range(WAITING_MOST):
            held.enter_context(found.place())
        with pytest.raises(BusyError), found.place():
            raise AssertionError
        for _ in range(KNOWN_MOST):
            held.enter_context(found.place(known=True))
        with pytest.raises(BusyError), found.place(known=True):
            raise AssertionError
    with found.place():
        assert await found.check("ann", PASSWORD)
    found.close()


def test_a_session_rests_on_the_password_it_began_with() -> None:
    one = _entry()
    assert proof_of(one) == proof_of(one)
    other = one.model_copy(update={"password_hash": PasswordHasher().hash(PASSWORD)})
    assert proof_of(other) != proof_of(one)
    assert proof_of(one.model_copy(update={"role": "viewer"})) == proof_of(one)
    assert proof_of(_plain("ann", "the old password")) != proof_of(
        _plain("ann", "the new password")
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password_hash": "$argon2id$v=19$m=7168"}, "incident-manager login hash"),
        ({"password_hash": PASSWORD}, "incident-manager login hash"),
        ({"password_hash": "$2b$12$" + "a" * 53}, "incident-manager login hash"),
        ({"password_hash": PasswordHasher(1, 1_024, 1).hash("x")}, "m=1024"),
        ({"password_hash": hash_password("x").replace("m=32768", "m=4194304")}, "m=4194304"),
        ({"password_hash": hash_password("x").replace("t=3", "t=99")}, "t=99"),
        ({"role": None}, "whoever logs in has a role; allowed: viewer, responder"),
        ({"role": "sender"}, "whoever logs in has a role"),
        ({"username": ""}, "stands beside a username"),
        ({"token": "x" * 20}, "without token and password"),
        ({"password": "x" * 20}, "without token and password"),
        ({"act_as": True}, "acts in their own name"),
        ({"cluster": "prod"}, "sends no alerts"),
    ],
)
def test_what_nobody_can_log_in_with_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("$", r"\$")):
        CredentialConfig.model_validate(entry("ann") | fields)
