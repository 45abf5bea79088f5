"""Real processes for system tests and proofs: the service, Alertmanager, Prometheus.

Only Slack and PagerDuty are fakes. Everything listens on loopback, and only processes started here
are ended, by their pid.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientError, ClientSession, TCPConnector, web

from receiver.store.embedded.server import EmbeddedValkey
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.tools import require_tool

CHANNEL = "C0ALERTS"


def free_port() -> int:
    """Return a port nobody listens on.

    Below those that the system gives to connections: one of these would take it while a service is
    away that comes back to it.
    """
    while True:
        port = random.randrange(10_000, 22_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Program:
    """One process with its output in a file."""

    def __init__(self, name: str, *command: str, folder: Path, env: Mapping[str, str] = {}) -> None:
        self.name = name
        self.command = command
        self.log = folder / f"{name}.log"
        self.env = {**os.environ, **env}
        self.process: asyncio.subprocess.Process | None = None
        self.given: tuple[int, ...] = ()
        """Descriptors that it inherits."""

    async def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdout=output,
                stderr=output,
                env=self.env,
                cwd=ROOT,
                pass_fds=self.given,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def end(self, number: int = signal.SIGTERM, timeout: float = 20) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(number)
        try:
            await asyncio.wait_for(self.process.wait(), timeout)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def refused_start(folder: Path, url: str, **env: str) -> tuple[int, str]:
    """Return the exit code of a service that does not start, and what it logged.

    ``url``: of its Redis; ``env``: further settings.
    """
    program = Program(
        "service",
        *(sys.executable, "-m", "receiver", "serve"),
        folder=folder,
        env={
            "LLM_IM__REDIS__URL": url,
            "LLM_IM__WEB__LISTEN_ADDRESS": f"127.0.0.1:{free_port()}",
            "LLM_IM__WEB__METRICS_ADDRESS": f"127.0.0.1:{free_port()}",
            **env,
        },
    )
    await program.start()
    assert program.process is not None
    try:
        code = await asyncio.wait_for(program.process.wait(), 30)
    finally:
        await program.end()
    return code, program.log.read_text()


async def until(check: Callable[[], Any], timeout: float, what: str) -> Any:
    """Wait until ``check`` (plain or async) gives something true; AssertionError names ``what``."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if loop.time() > end:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        await asyncio.sleep(0.1)


class Rig:
    """The service as a process of its own, with fakes in this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slack = FakeSlack(channels={CHANNEL: "alerts"})
        self.pagerduty = FakePagerDuty()
        self.port, self.metrics_port = free_port(), free_port()
        self.storage = folder / "data"
        self.session: ClientSession
        self.service: Program
        self.programs: list[Program] = []
        self.trust: ssl.SSLContext | None = None
        """How the service's https is trusted; None where it speaks http."""
        self.within: tuple[str, ...] = ()
        """What the service is started by: a command that becomes the one given to it."""
        self.given: tuple[int, ...] = ()
        """Descriptors that it inherits."""

    @property
    def url(self) -> str:
        scheme = "http" if self.trust is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    async def start(self, module: str = "receiver", *flags: str, **env: str) -> None:
        """Start the fakes and the service; ``env`` are further settings, "" for none."""
        await self.slack.start()
        await self.pagerduty.start()
        self.session = ClientSession(connector=TCPConnector(ssl=self.trust or True))
        settings = {
            "LLM_IM__WEB__LISTEN_ADDRESS": f"127.0.0.1:{self.port}",
            "LLM_IM__WEB__METRICS_ADDRESS": f"127.0.0.1:{self.metrics_port}",
            "LLM_IM__WEB__EXTERNAL_URL": self.url,
            "LLM_IM__STORAGE__PATH": str(self.storage),
            "LLM_IM__LOG__FORMAT": "json",
            "LLM_IM__WEB__SHUTDOWN_DELAY": "0s",
            "LLM_IM__SLACK__TOKEN": "xoxb-test",
            "LLM_IM__SLACK__SIGNING_SECRET": "secret",
            "LLM_IM__SLACK__CHANNEL": CHANNEL,
            "LLM_IM__SLACK__BASE_URL": self.slack.base_url,
            "LLM_IM__PAGERDUTY__ROUTING_KEY": DEFAULT_ROUTING_KEY,
            "LLM_IM__PAGERDUTY__BASE_URL": self.pagerduty.base_url,
            "LLM_IM__OBSERVABILITY__CHECK_NOTIFIERS_EVERY": "0s",
            # Only the proof of a storm is about how often the services may be called.
            "LLM_IM__BUDGETS__SLACK_CHANNEL_PER_MINUTE": "0",
            "LLM_IM__BUDGETS__SLACK_UPDATE_PER_MINUTE": "0",
            "LLM_IM__BUDGETS__PAGERDUTY_PER_MINUTE": "0",
        }
        self.service = Program(
            "service",
            *self.within,
            sys.executable,
            "-m",
            module,
            "serve",
            *flags,
            folder=self.folder,
            env={name: value for name, value in (settings | env).items() if value},
        )
        self.service.given = self.given
        await self.start_service()

    async def start_service(self) -> None:
        await self.service.start()
        await until(self._ready_or_over, PATIENCE_S, f"it is ready (see {self.service.log})")

    async def _ready_or_over(self) -> bool:
        """As ``ready``; AssertionError with its last words when the process has ended."""
        process = self.service.process
        if process is not None and process.returncode is not None:
            raise AssertionError(f"it ended: {self.service.log.read_text()[-2_000:]}")
        return await self.ready()

    async def ready(self) -> bool:
        return await self.answers(f"{self.url}/-/ready")

    async def answers(self, url: str) -> bool:
        """Return whether a URL answers 200."""
        try:
            async with self.session.get(url) as answer:
                return answer.status == 200
        except (ClientError, OSError):
            return False

    async def stop(self) -> None:
        for program in reversed(self.programs):
            await program.end()
        await self.service.end()
        await self.session.close()
        await self.slack.stop()
        await self.pagerduty.stop()

    async def post(self, body: Any, path: str = "/v1/alerts/webhook") -> tuple[int, Any]:
        async with self.session.post(self.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path) as answer:
            return await answer.json()

    async def incidents(self, state: str = "all") -> list[dict[str, Any]]:
        """Return all incidents, page after page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            body = await self.get(f"/v1/incidents?state={state}&limit=1000{more}")
            found += body["incidents"]
            cursor = body["next"]
        return found

    async def metric(self, line: str) -> float:
        async with self.session.get(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            for row in (await answer.text()).splitlines():
                if row.startswith(f"{line} "):
                    return float(row.rpartition(" ")[2])
        return 0.0

    async def click(self, action: str, user: str = "U1") -> int:
        """Click a button of the newest top-level message in Slack; return the status."""
        body, headers = self.slack.click(self.slack.top_level(CHANNEL)[-1], action, user)
        async with self.session.post(
            f"{self.url}/v1/slack/actions", data=body, headers=headers
        ) as answer:
            return answer.status

    def valkey_pid(self) -> int:
        """Return the pid of the embedded server, as it says itself."""
        import redis  # noqa: PLC0415 - only the kill proof asks

        path = EmbeddedValkey(self.storage / "valkey").socket_path
        client = redis.Redis(unix_socket_path=path)
        try:
            info: Any = client.info("server")
            return int(info["process_id"])
        finally:
            client.close()

    async def start_alertmanagers(self, number: int) -> list[str]:
        """Start Alertmanagers in HA with the file we ship; return their URLs."""
        text = (ROOT / "alertmanager.yml").read_text().replace("127.0.0.1:8080", self.url[7:])
        file = self.folder / "alertmanager.yml"
        file.write_text(text)
        gossip = [f"127.0.0.1:{free_port()}" for _ in range(number)]
        urls = []
        for index, address in enumerate(gossip):
            web_address = f"127.0.0.1:{free_port()}"
            peers = [f"--cluster.peer={peer}" for peer in gossip if peer != address]
            program = Program(
                f"alertmanager-{index}",
                require_tool("prometheus-alertmanager"),
                f"--config.file={file}",
                f"--storage.path={self.folder / f'alertmanager-{index}'}",
                f"--web.listen-address={web_address}",
                f"--cluster.listen-address={address}",
                *peers,
                folder=self.folder,
            )
            await program.start()
            self.programs.append(program)
            urls.append(f"http://{web_address}")
        for url in urls:
            await until(lambda url=url: self.answers(f"{url}/-/ready"), PATIENCE_S, url)
        return urls

    async def start_prometheus(self, target: str, alertmanagers: list[str], rule: str) -> None:
        """Start Prometheus that scrapes ``target`` and evaluates ``rule`` every second."""
        (self.folder / "rules.yml").write_text(rule)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [url[7:] for url in alertmanagers]}]}
                ]
            },
            "scrape_configs": [{"job_name": "checkout", "static_configs": [{"targets": [target]}]}],
        }
        program, _ = await start_prometheus(self.folder, config)
        self.programs.append(program)


async def start_prometheus(
    folder: Path, config: Mapping[str, Any], *flags: str
) -> tuple[Program, str]:
    """Start Prometheus with a configuration; return it and its URL when it answers."""
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    address = f"127.0.0.1:{free_port()}"
    program = Program(
        f"prometheus-{folder.name}",
        require_tool("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
        *flags,
        folder=folder,
    )
    await program.start()

    async def ready() -> bool:
        try:
            async with ClientSession() as session, session.get(f"{url}/-/ready") as answer:
                return answer.status == 200
        except (ClientError, OSError):
            return False

    url = f"http://{address}"
    await until(ready, PATIENCE_S, f"Prometheus is ready (see {program.log})")
    return program, url


class Target:
    """A monitored system of one gauge, ``checkout_error_ratio``."""

    def __init__(self) -> None:
        self.value = 0.0
        self.address = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Target"]:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.address = f"127.0.0.1:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            text=f"# TYPE checkout_error_ratio gauge\ncheckout_error_ratio {self.value}\n"
        )


RULE = """
groups:
  - name: checkout
    rules:
      - alert: HighErrorRate
        expr: checkout_error_ratio > 0.05
        labels:
          severity: critical
          service: checkout
          cluster: eu-1
        annotations:
          summary: 'Errors of checkout are at {{ $value | humanizePercentage }}'
          value: '{{ $value }}'
          runbook_url: https://wiki.example.com/runbooks/high-error-rate
"""
