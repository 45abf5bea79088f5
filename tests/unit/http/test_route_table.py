"""The table of routes: every row says who may ask, and nothing is served twice."""

from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from receiver.errors import StoreUnavailableError
from receiver.http.auth import Access
from receiver.http.config import CredentialConfig
from receiver.http.routes import ROLES, Guard, Who, principal_of, rows_of, serves, table_of

OPS = CredentialConfig.model_validate({"name": "ops", "token": "the-token-of-ops"})


class Endpoint:
    @serves("GET", "/a", Who.VIEWER)
    @serves("GET", "/a/", Who.VIEWER)
    async def first(self, request: web.Request) -> web.Response:
        credential = principal_of(request)
        return web.Response(text=credential.name if credential else "nobody")

    @serves("POST", "/a", Who.SENDER, durable=True)
    async def second(self, _request: web.Request) -> web.Response:
        return web.Response(text="kept")

    async def unserved(self, _request: web.Request) -> web.Response:
        raise AssertionError


def test_rows_come_in_the_order_they_are_written_in() -> None:
    assert [(row.method, row.path, row.name) for row in rows_of(Endpoint)] == [
        ("GET", "/a", "first"),
        ("GET", "/a/", "first"),
        ("POST", "/a", "second"),
    ]
    assert table_of([Endpoint]) == tuple(rows_of(Endpoint))


def test_a_row_that_does_not_say_who_may_ask_is_refused() -> None:
    with pytest.raises(TypeError):
        cast("Any", serves)("GET", "/a")

    class Silent:
        @serves("GET", "/b", cast("Any", ""))
        async def handle(self, _request: web.Request) -> web.Response:
            raise AssertionError

    with pytest.raises(TypeError, match="GET /b does not say who may ask for it"):
        table_of([Silent])


def test_a_path_is_served_once_on_a_port() -> None:
    class Again:
        @serves("GET", "/a", Who.OPEN)
        async def handle(self, _request: web.Request) -> web.Response:
            raise AssertionError

        @serves("GET", "/a", Who.OPEN, port="status")
        async def elsewhere(self, _request: web.Request) -> web.Response:
            raise AssertionError

    assert len(table_of([Again])) == 2
    with pytest.raises(ValueError, match="GET /a is served twice"):
        table_of([Endpoint, Again])


async def ask(
    path: str, method: str = "GET", token: str = "", *, forgets: bool = False
) -> str | None:
    endpoint = Endpoint()
    guard = Guard(Access([OPS], lambda: 0), lambda: forgets)
    row = next(row for row in rows_of(Endpoint) if (row.method, row.path) == (method, path))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    handler = guard.before(row, getattr(endpoint, row.name))
    answer = await handler(make_mocked_request(method, path, headers))
    assert isinstance(answer, web.Response)
    return answer.text


async def test_a_role_is_vouched_for_before_the_handler_is_asked() -> None:
    assert await ask("/a", token="the-token-of-ops") == "ops"
    for token in ("", "another"):
        with pytest.raises(web.HTTPUnauthorized):
            await ask("/a", token=token)


async def test_what_would_not_be_kept_is_refused_and_strangers_hear_nothing_of_it() -> None:
    assert await ask("/a", "POST", "the-token-of-ops") == "kept"
    with pytest.raises(StoreUnavailableError):
        await ask("/a", "POST", "the-token-of-ops", forgets=True)
    with pytest.raises(web.HTTPUnauthorized):
        await ask("/a", "POST", forgets=True)
    assert await ask("/a", token="the-token-of-ops", forgets=True) == "ops"


def test_what_a_credential_vouches_for_is_a_role() -> None:
    proofs = {Who.OPEN, Who.INTEGRATION, Who.SCRAPER, Who.SLACK, Who.PAGERDUTY}
    assert set(Who) == {*ROLES} | proofs
    assert not {*ROLES} & proofs
