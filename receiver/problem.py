"""Errors as programs read them: problem details (RFC 9457), the same form on every path.

``detail`` says what was wrong and what is allowed; ``place`` where, in the body or the address.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

CONTENT_TYPE = "application/problem+json"


def problem_text(status: int, detail: str, **more: Any) -> str:
    """Return the details as JSON; ``more``: what else there is to say, by name."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    # In ASCII: what was sent may be repeated, and may be no text that UTF-8 can write.
    return json.dumps(body) + "\n"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    """Return an answer that says what was wrong."""
    text = problem_text(status, detail, **more)
    return web.Response(text=text, status=status, content_type=CONTENT_TYPE, headers=headers)


def refusal(
    kind: type[web.HTTPException],
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> web.HTTPException:
    """Return an error to raise, with the same body."""
    text = problem_text(kind.status_code, detail, **more)
    return kind(text=text, content_type=CONTENT_TYPE, headers=headers)


def detail_of(text: str) -> str | None:
    """Return what problem details say, None where the text is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    detail = found.get("detail") if isinstance(found, dict) else None
    return detail if isinstance(detail, str) else None
