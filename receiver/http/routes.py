"""Which path an endpoint serves and who may ask for it: written once, beside the handler."""

import inspect
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

import msgspec
from aiohttp import web

from receiver.errors import StoreUnavailableError
from receiver.http.asked.parameters import check_parameters
from receiver.http.asked.spec import Spec
from receiver.http.auth import Access, demand
from receiver.http.limits import TooManyRequestsError
from receiver.http.logins import Logins, check_form_token
from receiver.http.principal import Person, Principal
from receiver.http.same_origin import SAFE
from receiver.http.server import Handler
from receiver.observability.correlation import Caller, caller
from receiver.roles import Role

API, METRICS, STATUS = "api", "metrics", "status"
"""The ports. That of the status page may be public, that of the metrics is for scrapers."""
_PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
_ROWS = "routes"
_Handler = TypeVar("_Handler", bound=Callable[..., object])


class Who(StrEnum):
    """Who may ask. Those with a role show one of web.credentials that has it."""

    OPEN = "open"
    """Everybody who can connect."""
    SENDER = "sender"
    VIEWER = "viewer"
    RESPONDER = "responder"
    PUBLISHER = "publisher"
    ADMIN = "admin"
    INTEGRATION = "integration"
    """A named integration with its own token; a sender where it has none."""
    SCRAPER = "scraper"
    """Whoever sends web.metrics_token, or one of web.credentials on the API's port."""
    SLACK = "signed by Slack"
    PAGERDUTY = "signed by PagerDuty"


INTAKE = (Who.SENDER, Who.INTEGRATION, Who.SLACK, Who.PAGERDUTY)
"""Services that send, and repeat what is refused with 503 alone."""
ROLES = {
    Who.SENDER: Role.SENDER,
    Who.VIEWER: Role.VIEWER,
    Who.RESPONDER: Role.RESPONDER,
    Who.PUBLISHER: Role.PUBLISHER,
    Who.ADMIN: Role.ADMIN,
}
"""What a credential vouches for. Of the others the handler asks for the proof: it knows the secret.
"""


class Route(msgspec.Struct, frozen=True):
    """A row of the table.

    ``page``: a browser is asked for name and password. ``durable``: its 2xx promises that nothing
    is lost, to a program that forgets what was taken and repeats what was not. ``spec``: of paths
    for programs.
    """

    method: str
    path: str
    who: Who
    name: str
    page: bool = False
    durable: bool = False
    port: str = API
    spec: Spec | None = None
    says: str = ""


def serves(  # noqa: PLR0913 - what a row has
    method: str,
    path: str,
    who: Who,
    *,
    page: bool = False,
    durable: bool = False,
    port: str = API,
    spec: Spec | None = None,
) -> Callable[[_Handler], _Handler]:
    """Have a method of an endpoint serve a path; several times for several paths."""

    def mark(handler: _Handler) -> _Handler:
        says = inspect.cleandoc(handler.__doc__ or "")
        row = Route(method, path, who, handler.__name__, page, durable, port, spec, says)
        handler.__dict__.setdefault(_ROWS, []).insert(0, row)
        return handler

    return mark


def rows_of(endpoint: type) -> list[Route]:
    """Return the rows of an endpoint's class, in the order they are written in."""
    return [row for method in vars(endpoint).values() for row in getattr(method, _ROWS, ())]


def table_of(endpoints: Iterable[type]) -> tuple[Route, ...]:
    """Return the rows of all endpoints.

    TypeError for one that does not say who may ask; ValueError for a second of the same path, of
    which aiohttp would let the first win without a word.
    """
    rows = tuple(row for endpoint in endpoints for row in rows_of(endpoint))
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.port, row.method, row.path)
        if not isinstance(row.who, Who):
            raise TypeError(f"{row.method} {row.path} does not say who may ask for it")
        if key in seen:
            raise ValueError(f"{row.method} {row.path} is served twice")
        seen.add(key)
    return rows


def principal_of(request: web.Request) -> Principal | None:
    """Return who asks, as a row's check found; None where nobody has to say who they are."""
    return request.get(_PRINCIPAL)


def person_of(request: web.Request) -> Person | None:
    """Return who is logged in; None for a credential, and where nobody has to say who they are."""
    found = principal_of(request)
    return found if isinstance(found, Person) else None


def role_of(request: web.Request) -> Role | None:
    """Return the role of whoever asks; None for one who may do everything."""
    found = principal_of(request)
    return found.role if found is not None else None


class Guard:
    """Stands before the handlers: who asks, and whether what is accepted now would be kept."""

    def __init__(
        self, access: Access, forgets: Callable[[], bool], logins: Logins | None = None
    ) -> None:
        """``forgets()``: whether the server may lose what it accepts now."""
        self.access = access
        self._forgets = forgets
        self._logins = logins

    def before(self, row: Route, handler: Handler) -> Handler:
        """Return the handler of a row behind its checks."""
        needed, durable, forgets = ROLES.get(row.who), row.durable, self._forgets
        spec = row.spec
        strict = spec is not None and not spec.lenient
        names = tuple(one.name for one in spec.parameters) if spec is not None else ()

        intake = row.who in INTAKE

        async def handle(request: web.Request) -> web.StreamResponse:
            if not intake:
                return await guarded(request)
            try:
                return await guarded(request)
            except TooManyRequestsError as error:
                raise error.again_later() from None

        async def guarded(request: web.Request) -> web.StreamResponse:
            if needed is not None:
                found = await self._who(row, request, needed)
                if found is not None:
                    request[_PRINCIPAL] = found
                    caller.set(Caller(found.name, caller.get().address))
                    self.access.limits.credential(found.name, intake=intake)
            if strict and request.query_string:
                check_parameters(request, names)
            # What people do is taken all the same: an acknowledgement that is refused would page
            # again for certain.
            if durable and forgets():
                raise StoreUnavailableError("what is accepted now may be lost")
            return await handler(request)

        return handle

    async def _who(self, row: Route, request: web.Request, needed: Role) -> Principal | None:
        """Return who asks: what a request itself shows counts before what a browser adds to it.

        What it shows may be meant for a proxy on the way, and is nothing to us then.
        """
        logins = self._logins
        if logins is None or not logins.enabled:
            check = self.access.check_browser if row.page else self.access.check
            return check(request, needed)
        owner = await logins.owner(request)
        if owner is not None:
            self.access.note(owner.name)
            demand(owner, needed)
            return owner
        try:
            return self.access.check(request, needed)
        except (web.HTTPUnauthorized, TooManyRequestsError) as error:
            refused = error.with_traceback(None)
        person = await logins.person(request)
        if person is None and isinstance(refused, TooManyRequestsError):
            raise refused
        if person is None:
            way = logins.needed(request) if row.page else refused
            shows = "Authorization" in request.headers
            raise refused if shows and isinstance(way, web.HTTPUnauthorized) else way
        self.access.note(person.name)
        demand(person, needed)
        if person.csrf and request.method not in SAFE:
            await check_form_token(request, person)
        return person
