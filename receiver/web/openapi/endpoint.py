"""The document and its page: ``/api/openapi.json`` and ``/api/``."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from aiohttp import web
from markupsafe import Markup

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.http.asked.etag import is_known
from receiver.http.asked.spec import Media, Spec
from receiver.http.routes import Route, Who, serves
from receiver.templates import assets_version, render
from receiver.web.console_account import account_of
from receiver.web.openapi.document import document, operations
from receiver.web.page_headers import page_answer

DOCUMENT = Spec({200: Media(("application/json",), dict[str, Any]), 304: None})


class OpenApiEndpoint:
    """Says what there is to ask for, to programs and to people."""

    def __init__(self, rows: Sequence[Route], version: str, prefix: str) -> None:
        """``prefix``: the path before every link, "" for none."""
        self._rows = rows
        self._version = version
        self._prefix = prefix

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self._rows, self._version, self._prefix)

    @cached_property
    def _made(self) -> tuple[bytes, str]:
        body = msgspec.json.encode(self._document)
        return body, f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'

    @cached_property
    def _described(self) -> Markup:
        """The same for people: no page of a login differs in it."""
        text = render(
            "console/api_document.html.j2",
            prefix=self._prefix,
            tags=[tag["name"] for tag in self._document["tags"]],
            operations=operations(self._document),
            schemas=self._document["components"]["schemas"],
        )
        return Markup(text)  # noqa: S704 - escaped as it was filled in

    @serves("GET", "/api/openapi.json", Who.VIEWER, spec=DOCUMENT)
    async def read(self, request: web.Request) -> web.Response:
        """GET /api/openapi.json: this document."""
        body, etag = await read_off_the_loop(lambda: self._made)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if is_known(request, etag):
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=body, content_type="application/json", charset="utf-8", headers=headers
        )

    @serves("GET", "/api/", Who.VIEWER, page=True)
    async def page(self, request: web.Request) -> web.Response:
        """GET /api/: the same for people."""
        page = await read_off_the_loop(
            lambda: render(
                "console/api.html.j2",
                prefix=self._prefix,
                version=assets_version(),
                problems=[],
                **account_of(request),
                described=self._described,
            )
        )
        return page_answer(page)
