"""Holds answers against the OpenAPI document: its paths, statuses, content types and schemas."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from receiver.app.routes import ROUTES, VERSION
from receiver.http.routes import API
from receiver.web.openapi.document import document, operations

HTTP_ITSELF = (400, 405, 408, 413, 415, 431)
"""What any address may answer to what is no request for it."""


@cache
def described() -> Mapping[str, Any]:
    """Return the document of today."""
    return document([row for row in ROUTES if row.port == API], VERSION, "")


@cache
def _paths() -> list[tuple[re.Pattern[str], str, Any]]:
    found = []
    for path, method, operation in operations(dict(described())):
        pattern = re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(path))
        found.append((re.compile(pattern), method, operation))
    return found


def operation_of(method: str, path: str) -> Any:
    """Return what the document says of a request, None where it says nothing."""
    plain = path.partition("?")[0]
    for pattern, of, operation in _paths():
        if of == method and pattern.fullmatch(plain):
            return operation
    return None


@cache
def _validator(place: str, status: str, content_type: str) -> Any:
    operation = next(one for _, _, one in _paths() if one["operationId"] == place)
    schema = operation["responses"][status]["content"][content_type]["schema"]
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": described()["components"]}, validate_formats=True
    )


def check_answer(method: str, path: str, status: int, content_type: str, body: Any) -> None:
    """Fail where an answer is not as the document says; ``body`` parsed, or a text."""
    operation = operation_of(method, path)
    if operation is None:
        return
    where = f"{method} {path}: {status} {content_type}"
    answer = operation["responses"].get(str(status))
    if answer is None:
        assert status in HTTP_ITSELF, f"{where} is not in the document"
        return
    forms = answer.get("content", {})
    if not forms:
        assert body == "", f"{where} has a body"
        return
    assert content_type in forms, f"{where}; in the document: {', '.join(forms)}"
    if content_type.endswith("json"):
        found = next(
            _validator(operation["operationId"], str(status), content_type).iter_errors(body), None
        )
        assert found is None, f"{where}: {found}"
