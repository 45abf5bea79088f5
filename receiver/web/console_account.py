"""What every page of the console shows of whoever looks at it."""

from typing import Any

from aiohttp import web

from receiver.http.logins import masked
from receiver.http.routes import person_of, role_of
from receiver.roles import Role, may


def account_of(request: web.Request) -> dict[str, Any]:
    """Return who is logged in, "" for nobody, and what their forms bring back."""
    person = person_of(request)
    has_session = person is not None and bool(person.session)
    return {
        "account": person.name if person is not None else "",
        "has_session": has_session,
        "csrf": masked(person.csrf) if person is not None and person.csrf else "",
        "audits": may(role_of(request), Role.ADMIN),
    }


NO_ACCOUNT = {"account": "", "has_session": False, "csrf": "", "audits": False}
"""The same for pages that nobody looks at in particular."""
