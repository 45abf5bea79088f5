"""The document of the API: whole, true, and shown to people."""

import copy
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from receiver.app.routes import ROUTES
from receiver.http.error_pages import PROGRAMS
from receiver.http.routes import API
from tests.support.app import App
from tests.support.described import check_answer, described, operation_of
from tests.support.openapi_fuzz import sent_to

TWICE = {"/v1/alerts/webhook/"}
"""The same as another but for a slash."""


def test_it_is_a_document_of_openapi() -> None:
    validate(copy.deepcopy(dict(described())))


def test_every_path_for_programs_is_in_it() -> None:
    missing = [
        f"{row.method} {row.path}: give its row a spec"
        for row in ROUTES
        if row.port == API
        and row.path.startswith(PROGRAMS)
        and row.path not in TWICE
        and row.spec is None
    ]
    assert missing == []


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for methods in described()["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


def test_what_an_action_needs_is_said() -> None:
    def body(action: str) -> dict[str, object]:
        operation = operation_of("POST", f"/v1/incidents/0-1-1/{action}")
        found: dict[str, object] = operation["requestBody"]["content"]["application/json"]["schema"]
        return found

    assert body("acknowledge")["required"] == []
    assert body("note")["required"] == ["text"]
    assert body("priority")["required"] == ["priority"]
    properties = body("priority")["properties"]
    assert isinstance(properties, dict)
    assert properties["priority"]["enum"] == ["P1", "P2", "P3", "P4"]


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (299, "application/json", {}),
        (200, "text/html", ""),
        (200, "application/json", {"incidents": [], "next": 7, "total": 0}),
        (200, "application/json", {"incidents": [{}], "next": None, "total": 0}),
        (404, "application/problem+json", {"error": "no"}),
    ],
)
def test_an_answer_that_is_not_as_described_is_noticed(
    status: int, kind: str, body: object
) -> None:
    with pytest.raises(AssertionError):
        check_answer("GET", "/v1/incidents", status, kind, body)


async def test_it_is_served_to_programs_and_known_by_its_etag(plain: App) -> None:
    async with plain.session.get(f"{plain.url}/api/openapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert (await answer.json())["openapi"] == "3.1.0"
        known = {"If-None-Match": answer.headers["ETag"]}
    async with plain.session.get(f"{plain.url}/api/openapi.json", headers=known) as answer:
        assert answer.status == 304
        assert await answer.read() == b""


async def test_people_read_it_as_a_page(plain: App) -> None:
    async with plain.session.get(f"{plain.url}/api/") as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page
            assert f'id="{operation["operationId"]}"' in page
    for name in described()["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


async def test_nothing_it_allows_or_forbids_is_answered_otherwise(
    plain: App, tmp_path: Path
) -> None:
    found = await sent_to(plain.url, await plain.fire(), tmp_path, 3)
    assert found.breaches == 0, found.printed[-6_000:]
    assert found.sent > 500
