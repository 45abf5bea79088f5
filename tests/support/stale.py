"""An Alertmanager that says what it knows."""

from aiohttp import web

from routing.fingerprint import fingerprint_of


class Alertmanager:
    """Answers /api/v2/alerts with the states a test sets; ``states`` None: it is down."""

    def __init__(self) -> None:
        self.states: dict[str, str] | None = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.port = 0

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/api/v2/alerts", self._alerts)
        application.router.add_get("/api/v2/status", self._status)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        return runner

    async def _alerts(self, _request: web.Request) -> web.Response:
        if self.states is None:
            raise web.HTTPServiceUnavailable
        found = [
            {
                "fingerprint": fingerprint_of(self.labels[name]),
                "labels": self.labels[name],
                "status": {
                    "state": "active" if state == "active" else "suppressed",
                    "silencedBy": ["s1"] if state == "silenced" else [],
                    "inhibitedBy": ["abc"] if state == "inhibited" else [],
                },
            }
            for name, state in self.states.items()
        ]
        return web.json_response(found)

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"uptime": "2026-01-01T00:00:00.000Z"})
