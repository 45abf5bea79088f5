"""A strict PagerDuty REST API: what it answers to whoever only reads.

Source: developer.pagerduty.com, "REST API v2" (authentication, rate limiting, errors), "List
On-Calls", "List alerts for an incident", "Get a user", "Get an escalation policy".
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from aiohttp import web

from tests.support.fakes.server import Call, FakeServer, Json

TOKEN = "y_NbAkKc66ryYTWUXYEu"
_MAX_LIMIT = 100


@dataclass
class PdUser:
    """A user; `email` is only told where users are included, or by their own page."""

    id: str
    name: str
    email: str


@dataclass
class PdPolicy:
    """An escalation policy. `on_call` holds (level, user id, end of the shift or None)."""

    id: str
    name: str
    on_call: list[tuple[int, str, str | None]] = field(default_factory=list)


class FakePagerDutyRest(FakeServer):
    """The REST API of one account.

    `alerts` maps the id of an incident to the dedup_keys of its alerts. `rate_per_minute` bounds
    all requests over a sliding minute of `clock` (monotonic, in seconds).
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        rate_per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.rate_per_minute = rate_per_minute
        self.users: dict[str, PdUser] = {}
        self.policies: dict[str, PdPolicy] = {}
        self.alerts: dict[str, list[str]] = {}
        self.changes: list[tuple[str, str]] = []
        """(time in UTC as in 2026-01-01T00:00:00Z, summary) of change events, oldest first."""
        self.includes_users = True
        self.calls: list[Call] = []
        self._recent: deque[float] = deque()

    # What tests look at and do.

    def add_user(self, user: str, name: str, email: str) -> None:
        self.users[user] = PdUser(user, name, email)

    def add_policy(self, policy: str, *on_call: tuple[int, str], name: str = "Default") -> None:
        """Add a policy or replace it; `on_call` are (level, user id), whose shifts never end."""
        entries: list[tuple[int, str, str | None]] = [
            (level, user, None) for level, user in on_call
        ]
        self.policies[policy] = PdPolicy(policy, name, entries)

    def paths(self) -> list[str]:
        """Return the paths that were asked for, oldest first."""
        return [call.method for call in self.calls]

    def state(self, *, brief: bool) -> Json:
        counts = {"calls": len(self.calls), "faults_waiting": self.faults.waiting}
        return (
            {"counts": counts} if brief else {"counts": counts, "calls": [*map(asdict, self.calls)]}
        )

    def reset(self) -> None:
        self.calls.clear()
        self._recent.clear()

    # HTTP.

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self._handle)

    def rate_limited(self, retry_after: str | None) -> web.Response:
        limit = str(self.rate_per_minute or 960)
        headers = {"ratelimit-limit": limit, "ratelimit-remaining": "0"}
        headers["ratelimit-reset"] = retry_after or "30"
        return _error(429, 2020, "Rate Limit Exceeded", headers)

    def refused(self, name: str) -> web.Response:
        return _error(400, 2001, name)

    async def _handle(self, request: web.Request) -> web.Response:
        args: Json = {}
        for name, value in request.query.items():
            args.setdefault(name, []).append(value)
        call = Call(request.path, self.clock(), args)
        self.calls.append(call)
        return await self.answer(request, call, lambda: self._answer(request, call))

    def _answer(self, request: web.Request, call: Call) -> web.Response:
        response = self._admit(request) or self._route(request, call.args)
        call.outcome = "ok" if response.status == 200 else f"error:{response.status}"
        return response

    def _admit(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Token token={self.token}":
            return _error(401, 2006, "Unauthorized")
        if request.method != "GET":
            return _error(403, 2010, "Access Denied")
        if self.rate_per_minute is not None:
            now = self.clock()
            while self._recent and self._recent[0] <= now - 60:
                self._recent.popleft()
            if len(self._recent) >= self.rate_per_minute:
                return self.rate_limited(str(int(60 - (now - self._recent[0])) + 1))
            self._recent.append(now)
        return None

    def _route(self, request: web.Request, args: Json) -> web.Response:  # noqa: PLR0911
        match request.path.strip("/").split("/"):
            case ["oncalls"]:
                return self._on_calls(args)
            case ["incidents", incident, "alerts"] if incident in self.alerts:
                return self._alerts(incident, args)
            case ["users", user] if user in self.users and not args:
                return web.json_response({"user": self._user(user, whole=True)})
            case ["change_events"]:
                return self._change_events(args)
            case ["users"]:
                return self._users(args)
            case ["escalation_policies", policy] if policy in self.policies and not args:
                return web.json_response({"escalation_policy": self._policy(policy)})
            case _:
                return _error(404, 2100, "Not Found")

    def _on_calls(self, args: Json) -> web.Response:
        known = {"escalation_policy_ids[]", "include[]", "limit", "offset"}
        if problem := _check(args, known):
            return problem
        whole = self.includes_users and "users" in args.get("include[]", [])
        found = [
            {
                "escalation_policy": self._policy(policy),
                "escalation_level": level,
                "schedule": None,
                "user": self._user(user, whole=whole),
                "start": None if end is None else "2026-01-01T00:00:00Z",
                "end": end,
            }
            for policy in args.get("escalation_policy_ids[]", list(self.policies))
            if policy in self.policies
            for level, user, end in self.policies[policy].on_call
        ]
        return _page("oncalls", found, args)

    def _users(self, args: Json) -> web.Response:
        """Users whose name or e-mail address contains the query, as PagerDuty searches."""
        if problem := _check(args, {"query", "limit", "offset"}):
            return problem
        words = args.get("query", [""])[0].lower()
        found = [
            self._user(name, whole=True)
            for name, user in self.users.items()
            if words in user.name.lower() or words in user.email.lower()
        ]
        return _page("users", found, args)

    def _change_events(self, args: Json) -> web.Response:
        """Change events of a time, newest first."""
        if problem := _check(args, {"since", "until", "limit", "offset"}):
            return problem
        since, until = args.get("since", [""])[0], args.get("until", ["9"])[0]
        found = [
            {
                "id": f"C{number}",
                "type": "change_event",
                "summary": summary,
                "timestamp": at,
                "source": "ci",
                "links": [{"href": "https://ci.example/1", "text": "build"}],
            }
            for number, (at, summary) in enumerate(self.changes)
            if since <= at <= until
        ]
        return _page("change_events", found[::-1], args)

    def _alerts(self, incident: str, args: Json) -> web.Response:
        if problem := _check(args, {"limit", "offset"}):
            return problem
        found = [
            {
                "id": f"QALERT{number}",
                "type": "alert",
                "alert_key": key,
                "status": "triggered",
                "incident": {"id": incident, "type": "incident_reference"},
            }
            for number, key in enumerate(self.alerts[incident])
        ]
        return _page("alerts", found, args)

    def _policy(self, policy: str) -> Json:
        return {
            "id": policy,
            "type": "escalation_policy_reference",
            "summary": self.policies[policy].name,
        }

    def _user(self, user: str, *, whole: bool) -> Json:
        found = self.users[user]
        shown: Json = {"id": user, "type": "user_reference", "summary": found.name}
        if whole:
            shown |= {"type": "user", "name": found.name, "email": found.email}
        return shown


def _check(args: Json, known: set[str]) -> web.Response | None:
    unknown = sorted(set(args) - known)
    if unknown:
        return _error(400, 2001, f"Invalid Input Provided: {', '.join(unknown)}")
    limit = args.get("limit", ["25"])[0]
    if not limit.isdigit() or not 1 <= int(limit) <= _MAX_LIMIT:
        return _error(400, 2001, "Invalid Input Provided: limit")
    return None


def _page(name: str, found: list[Json], args: Json) -> web.Response:
    limit, offset = int(args.get("limit", ["25"])[0]), int(args.get("offset", ["0"])[0])
    more = len(found) > offset + limit
    shown = found[offset : offset + limit]
    return web.json_response(
        {name: shown, "limit": limit, "offset": offset, "more": more, "total": None}
    )


def _error(
    status: int, code: int, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": {"message": message, "code": code}}
    return web.json_response(body, status=status, headers=headers)
