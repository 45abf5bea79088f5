"""The page of the login, with all ways in that there are."""

import math
from urllib.parse import quote

from aiohttp import web

from receiver.login.login import Login
from receiver.templates import assets_version, render
from receiver.web.console_account import NO_ACCOUNT
from receiver.web.page_headers import HEADERS, page_answer

SHOWN_MAX = 100


def login_page(  # noqa: PLR0913 - what the page shows
    login: Login,
    leads_to: str,
    username: str = "",
    *,
    said: str = "",
    problem: str = "",
    status: int = 200,
    wait: int = 0,
    out: bool = False,
) -> web.Response:
    """Return the page; ``wait``: ms until it makes sense to try again; ``out``: after a log-out."""
    oidc = login.config.login.oidc
    text = render(
        "console/login.html.j2",
        prefix=login.prefix,
        version=assets_version(),
        **NO_ACCOUNT,
        said=said,
        next=leads_to,
        username=username[:SHOWN_MAX],
        problem=problem,
        passwords=login.has_passwords,
        sso=oidc.label if oidc is not None else "",
        sso_way=f"{login.prefix}/login/oidc?next={quote(leads_to, safe='/')}",
        sso_end=f"{login.prefix}/login/oidc/end" if oidc is not None and out else "",
    )
    headers = dict(HEADERS)
    if wait:
        headers["Retry-After"] = str(math.ceil(wait / 1000))
    return page_answer(text, status=status, headers=headers)
