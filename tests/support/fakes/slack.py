"""A strict Slack: the Web API methods an incident message needs, and people who click.

Where Slack is lenient or undocumented this fake takes the stricter reading, so that what it
accepts Slack accepts too.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict

from aiohttp import web

from tests.support.fakes.server import Call, FakeServer, Json
from tests.support.fakes.slack_client import SlackClient
from tests.support.fakes.slack_messages import TEAM, Click, Message, Sent, signed
from tests.support.fakes.slack_requests import RefusedError, parse_args, read_args
from tests.support.fakes.slack_socket import APP_TOKEN, Socket
from tests.support.fakes.slack_views import Views
from tests.support.fakes.slack_workspace import LimitedError, Workspace

# docs.slack.dev/interactivity/handling-user-interaction
RESPONSE_URL_USES = 5
SCOPES = (
    "chat:write",
    "chat:write.public",
    "channels:history",
    "groups:history",
    "channels:read",
    "groups:read",
    "commands",
    "users:read",
    "users:read.email",
    "usergroups:read",
)
# docs.slack.dev/reference/methods: the scope of each method; of a channel's kind either does here.
METHOD_SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "conversations.history": "channels:history or groups:history",
    "conversations.replies": "channels:history or groups:history",
    "conversations.info": "channels:read or groups:read",
    "users.info": "users:read",
    "users.lookupByEmail": "users:read.email",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
}


class FakeSlack(FakeServer):
    """Slack with some channels (id -> name) and one bot.

    `rate_per_channel` is the messages a second that chat.postMessage takes in one channel, with
    `burst` at once; `updates_per_minute` bounds chat.update; None is without bound. `clock` is
    monotonic and in seconds (rates, `Call.at`); `wall` gives seconds since the epoch (message
    times, signatures). `users` maps the ids that users.info knows to names.
    """

    base_path = "/api/"

    def __init__(
        self,
        *,
        token: str = "xoxb-test",  # noqa: S107 - a made-up token
        signing_secret: str = "secret",  # noqa: S107 - a made-up secret
        channels: dict[str, str] | None = None,
        rate_per_channel: float | None = None,
        burst: int = 1,
        updates_per_minute: int | None = None,
        users: dict[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.signing_secret = signing_secret
        self.wall = wall
        self.workspace = Workspace(
            dict(channels or {"C0ALERTS": "alerts"}),
            dict(users or {"U1": "alice", "U2": "bob", "U3": "carol"}),
            clock,
            wall,
        )
        self.workspace.rate_per_channel = rate_per_channel
        self.workspace.burst = burst
        self.workspace.updates_per_minute = updates_per_minute
        self.views = Views(wall)
        self.workspace.methods |= self.views.methods
        self.socket = Socket()
        self.workspace.methods["apps.connections.open"] = self._connect
        self.scopes = set(SCOPES)
        self.calls: list[Call] = []
        self.responses: list[Json] = []
        self._serials = itertools.count(1)

    # What tests look at and do.

    @property
    def messages(self) -> list[Message]:
        """Every message of the workspace, oldest first."""
        return self.workspace.messages

    def message(self, ts: str) -> Message:
        """Return the message of that time; KeyError if there is none."""
        return self.workspace.message(ts)

    def top_level(self, channel: str | None = None) -> list[Message]:
        """Return the messages outside threads, oldest first, of a channel (id or name) or all."""
        return self.workspace.top_level(channel)

    def replies(self, ts: str) -> list[Message]:
        """Return the replies in the thread of the message `ts`, oldest first."""
        return self.workspace.replies(ts)

    def click(
        self,
        message: Message,
        action_id: str,
        user: str = "U1",
        *,
        value: str | None = None,
        version: int = -1,
        timestamp: int | str | None = None,
        bad_signature: bool = False,
        action_ts: str | None = None,
        trigger_id: str | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of the request that Slack sends for a press on a button.

        `version` indexes `message.versions`: an old client may press what is gone since.
        `timestamp` (seconds) defaults to now. The same `trigger_id` and `action_ts` make a
        replay. Raises KeyError if that version has no such button.
        """
        at = self.wall()
        serial = next(self._serials)
        click = Click(
            message=message,
            channel_name=self.workspace.channels[message.channel],
            action_id=action_id,
            user=user,
            user_name=self.workspace.users.get(user, user.lower()),
            at=at,
            trigger_id=trigger_id or self.views.trigger(user),
            response_url=f"{self.control_url}/actions/{TEAM['id']}/{serial}",
            value=value,
            version=version,
            action_ts=action_ts,
        )
        stamp = int(at) if timestamp is None else timestamp
        sent = ("interactive", click.payload())
        return signed(sent, self.signing_secret, stamp, bad_signature=bad_signature)

    def client(self, user: str = "U1") -> SlackClient:
        """Return somebody's client."""
        return SlackClient(self, user)

    def signed(self, sent: Sent, timestamp: int) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of what a client sent, as it comes over HTTP."""
        return signed(sent, self.signing_secret, timestamp)

    def state(self, *, brief: bool) -> Json:
        counts = {
            "messages": len(self.messages),
            "top_level": len(self.top_level()),
            "calls": len(self.calls),
            "faults_waiting": self.faults.waiting,
        }
        if brief:
            return {"counts": counts}
        return {
            "counts": counts,
            "messages": [asdict(m) for m in self.messages],
            "calls": [asdict(c) for c in self.calls],
            "responses": self.responses,
        }

    def reset(self) -> None:
        self.workspace.forget()
        self.calls.clear()
        self.responses.clear()

    # HTTP.

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self._handle)
        app.router.add_post("/actions/{team}/{serial}", self._handle_response_url)
        app.router.add_post("/_click", self._handle_click)
        app.router.add_get("/socket/{ticket}", self._handle_socket)

    def rate_limited(self, retry_after: str | None) -> web.Response:
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers={"Retry-After": retry_after or "1"})

    def refused(self, name: str) -> web.Response:
        return web.json_response({"ok": False, "error": name})

    async def _handle(self, request: web.Request) -> web.Response:
        call = Call(request.match_info["method"], self.clock(), {})
        self.calls.append(call)
        problem: RefusedError | None = None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            call.args = await read_args(request)
            token = call.args.pop("token", "") or token
            call.args = parse_args(call.args)
        except RefusedError as error:
            problem = error

        def apply() -> web.Response:
            try:
                self._admit(call, token, problem)
                answer = self.workspace.methods[call.method](dict(call.args))
            except RefusedError as error:
                call.outcome = f"error:{error.name}"
                return web.json_response({"ok": False, "error": error.name, **error.details})
            except LimitedError as limit:
                call.outcome = "limited"
                return self.rate_limited(str(max(1, math.ceil(limit.seconds))))
            call.outcome = "ok"
            scopes = {"X-OAuth-Scopes": ",".join(sorted(self.scopes))}
            return web.json_response({"ok": True, **answer}, headers=scopes)

        return await self.answer(request, call, apply)

    def _admit(self, call: Call, token: str, problem: RefusedError | None) -> None:
        if call.method not in self.workspace.methods:
            raise RefusedError("unknown_method", req_method=call.method)
        if not token:
            raise RefusedError("not_authed")
        if token != (APP_TOKEN if call.method == "apps.connections.open" else self.token):
            raise RefusedError("invalid_auth")
        needed = METHOD_SCOPES.get(call.method, "")
        if needed and not self.scopes & set(needed.split(" or ")):
            provided = ",".join(sorted(self.scopes))
            raise RefusedError("missing_scope", needed=needed, provided=provided)
        if problem is not None:
            raise problem

    async def _handle_socket(self, request: web.Request) -> web.StreamResponse:
        return await self.socket.serve(request)

    def _connect(self, _args: Json) -> Json:
        return {"url": f"{self.control_url.replace('http', 'ws', 1)}/socket/{self.socket.ticket()}"}

    async def _handle_response_url(self, request: web.Request) -> web.Response:
        used = sum(r["path"] == request.path for r in self.responses)
        if used >= RESPONSE_URL_USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        body = await request.json()
        self.responses.append({"path": request.path, "at": self.clock(), "body": body})
        return web.json_response({"ok": True})

    async def _handle_click(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        try:
            body, headers = self.click(self.message(wanted.pop("ts")), **wanted)
        except (KeyError, TypeError, IndexError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"body": body.decode(), "headers": headers})


__all__ = ["Call", "FakeSlack", "Message"]
