"""Answers for programs."""

from typing import Any

import msgspec
from aiohttp import web


def json_answer(body: Any, status: int = 200) -> web.Response:
    """Return an answer of JSON, at a fifth of what the standard library takes for one."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        charset="utf-8",
    )
