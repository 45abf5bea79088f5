"""Socket Mode: requests over WebSockets that the app opens.

docs.slack.dev/apis/events-api/using-socket-mode: a hello first; an envelope that is not
acknowledged within three seconds is an error for whoever caused it; any connection may get one.
"""

import asyncio
import itertools
import json
import uuid

from aiohttp import WSMsgType, web

from tests.support.fakes.server import Json
from tests.support.fakes.slack_messages import Sent

APP_TOKEN = "xapp-test"
ACK_S = 3.0


class Socket:
    """The WebSocket connections of an app."""

    def __init__(self) -> None:
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self.connections: list[web.WebSocketResponse] = []
        self._turn = itertools.count()

    def ticket(self) -> str:
        """Return what opens one connection, once."""
        name = uuid.uuid4().hex
        self._tickets.add(name)
        return name

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Keep one connection until either side ends it."""
        ticket = request.match_info["ticket"]
        if ticket not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": len(self.connections) + 1})
        self.connections.append(socket)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            self.connections.remove(socket)
        return socket

    def _take(self, answer: Json) -> None:
        done = self._waiting.pop(str(answer.get("envelope_id", "")), None)
        assert done is not None, f"nothing waits for {answer}"
        assert set(answer) <= {"envelope_id", "payload"}, answer
        done.set_result(answer.get("payload") or {})

    async def send(self, sent: Sent) -> Json:
        """Send a request over one connection, and return the answer; TimeoutError without one."""
        kind, payload = sent
        envelope = uuid.uuid4().hex
        done: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = done
        socket = self.connections[next(self._turn) % max(1, len(self.connections))]
        body = {"envelope_id": envelope, "type": kind, "payload": payload}
        await socket.send_json(body | {"accepts_response_payload": kind != "events_api"})
        try:
            return await asyncio.wait_for(done, ACK_S)
        finally:
            self._waiting.pop(envelope, None)

    async def drop(self) -> None:
        """Close every connection, as Slack does every few hours."""
        for socket in list(self.connections):
            await socket.close()
