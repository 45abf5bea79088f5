"""Bodies of a bounded size, read in a bounded time."""

import asyncio

from aiohttp import web

from receiver.problem import refusal

SIGNED_MAX = 2 << 20
"""Bytes of a signed body. Slack's and PagerDuty's have some tens of kilobytes; a message with all
its blocks, written as a form, stays below one megabyte."""
BODY_MAX, FORM_MAX = 1 << 20, 1 << 16
"""Bytes of what is no notification, and of a form among it: people and their programs send some
kilobytes. Both are read on the event loop, where a form of 16 MB takes seconds."""
SECTIONS_MAX = 1 << 18
"""Bytes of a form with texts of 10,000 characters in any script, sent as ``multipart/form-data``:
each part is read as it is, where in the other form each byte may take three."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
READ_WITHIN_S = 5.0
"""Slack and PagerDuty have given up by then."""


async def read_signed(request: web.Request) -> bytes:
    """Return the body that a signature is over: of a bounded size, in a bounded time.

    It has to be read before anybody can be believed, so strangers can have it read. HTTP 408, 413.
    """
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await request.clone(client_max_size=SIGNED_MAX).read()
    except TimeoutError:
        raise refusal(web.HTTPRequestTimeout, "the body did not come in time") from None


def bounded(request: web.Request, notifications: str) -> web.Request:
    """Return a request whose body is read up to its bound, else 413.

    ``notifications``: the end of the path that may have the application's.
    """
    if not request.can_read_body or request.path.rstrip("/").endswith(notifications):
        return request
    most = FORM_MAX if request.content_type in _FORMS else BODY_MAX
    if request.content_type == "multipart/form-data":
        most = SECTIONS_MAX
    return request.clone(client_max_size=min(request.client_max_size, most))
