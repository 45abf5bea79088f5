"""Real small proxies: one before the service, as in a cluster's ingress, and one on the way out."""

import asyncio
from contextlib import suppress

from aiohttp import ClientError, ClientSession, DummyCookieJar, web

_NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class ReverseProxy:
    """Passes on what is below ``mount`` and nothing else, without the path ``strips`` or with it.

    At any other path another service of the same host lives: 404, and the path in ``strayed``.
    """

    def __init__(self, mount: str, strips: str) -> None:
        self.mount = mount
        self.strips = strips
        self.target = ""
        self.port = 0
        self.strayed: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.mount}"

    async def start(self) -> None:
        self._session = ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar())
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        asked = request.raw_path
        if asked.partition("?")[0] != self.mount and not asked.startswith(f"{self.mount}/"):
            self.strayed.append(asked)
            return web.Response(status=404, text="another service of this host\n")
        path = asked.removeprefix(self.strips) or "/"
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _NOT_PASSED_ON
        }
        headers["Host"] = request.host
        try:
            async with self._session.request(
                request.method,
                self.target + (path if path.startswith("/") else f"/{path}"),
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                passed = [
                    (name, value)
                    for name, value in answer.headers.items()
                    if name.lower() not in _NOT_PASSED_ON
                ]
                response = web.Response(status=answer.status, body=await answer.read())
                response.headers.clear()
                response.headers.extend(passed)
                return response
        except ClientError:
            return web.Response(status=502, text="the service does not answer\n")


class ForwardProxy:
    """Notes what it is asked to reach (``http://host/path`` or ``CONNECT host:port``); answers 502.

    ``credentials`` are what came in Proxy-Authorization.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.credentials: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *headers = head.split("\r\n")
            method, target, _ = line.split()
            self.asked.append(f"CONNECT {target}" if method == "CONNECT" else target)
            self.credentials += [
                header.partition(": ")[2]
                for header in headers
                if header.lower().startswith("proxy-authorization:")
            ]
            writer.write(
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
        writer.close()
