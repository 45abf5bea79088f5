"""How every page of the console is sent: nothing comes from elsewhere, or goes there."""

from collections.abc import Mapping

from aiohttp import web

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page_answer(
    text: str, *, status: int = 200, headers: Mapping[str, str] = HEADERS
) -> web.Response:
    """Return a page as an answer, packed where the browser takes that."""
    answer = web.Response(text=text, status=status, content_type="text/html", headers=headers)
    # What is secret in it looks different each time: see ``http.logins.masked``.
    answer.enable_compression()
    return answer
