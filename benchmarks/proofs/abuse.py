"""The attacks of docs/security.md, one after the other, while a steady stream of webhooks runs.

The service is a process of its own that speaks TLS; whoever attacks comes through a trusted proxy,
so that each has an address of its own. Nothing that is sent with a credential is refused or late.
"""

import asyncio
import gzip
import json
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from receiver.login.passwords import hash_password
from tests.support.certificates import Authority
from tests.support.notification import alert, notification
from tests.support.rig import Rig

TOKENS = {name: f"the-long-token-of-{name}" for name in ("stream", "wild", "ops", "viewer")}
CREDENTIALS: list[dict[str, Any]] = [
    {"name": "stream", "role": "sender", "token": TOKENS["stream"]},
    {"name": "wild", "role": "sender", "token": TOKENS["wild"], "incidents_per_minute": 10},
    {"name": "ops", "role": "admin", "token": TOKENS["ops"]},
    {"name": "viewer", "role": "viewer", "token": TOKENS["viewer"]},
    {"name": "old", "role": "sender", "username": "old", "password": "a-password-of-old"},
]
LIMITS = {"requests_per_address": 300, "requests_per_credential": 300}
EACH_S, EVERY_S = 4.0, 0.02
"""How long each attack lasts, and how often a webhook of the stream comes."""
LATE_S = 1.0
RATE = 200
"""Tries a second of an attack."""
SILENT, BOMBS = 1_500, 100
"""Connections; and bodies a second."""
BOMB = gzip.compress(b"\0" * 20_000_000)

Report = Callable[..., None]
Attack = Callable[["Target"], Awaitable[Counter[str]]]


class Target:
    """The service under attack."""

    def __init__(self, rig: Rig, incident: str) -> None:
        self.rig = rig
        self.incident = incident
        self.until = time.monotonic() + EACH_S

    async def ask(
        self, session: ClientSession, method: str, path: str, address: str = "", **more: Any
    ) -> str:
        """Return the status of an answer, or that there was none."""
        headers = more.pop("headers", {}) | ({"X-Forwarded-For": address} if address else {})
        try:
            async with session.request(
                method, self.rig.url + path, headers=headers, allow_redirects=False, **more
            ) as answer:
                await answer.read()
                return str(answer.status)
        except (ClientError, OSError, TimeoutError):
            return "none"

    async def often(
        self, one: Callable[[ClientSession, int], Awaitable[str]], rate: int = RATE
    ) -> Counter[str]:
        """Do one thing ``rate`` times a second until the end."""
        found: Counter[str] = Counter()
        running: set[asyncio.Task[None]] = set()
        connector = TCPConnector(ssl=self.rig.trust or True, limit=32)

        async def done(number: int) -> None:
            found[await one(session, number)] += 1

        async with ClientSession(connector=connector, timeout=ClientTimeout(10)) as session:
            number = 0
            while time.monotonic() < self.until:
                number += 1
                task = asyncio.create_task(done(number))
                running.add(task)
                task.add_done_callback(running.discard)
                await asyncio.sleep(1 / rate)
            await asyncio.gather(*running)
        return found


def _bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


async def _from_one_address(target: Target) -> Counter[str]:
    paths = ("/health", "/v1/incidents", "/nowhere", "/login")
    return await target.often(
        lambda session, number: target.ask(session, "GET", paths[number % 4], "203.0.113.1")
    )


async def _with_one_credential(target: Target) -> Counter[str]:
    return await target.often(
        lambda session, number: target.ask(
            session, "GET", "/v1/incidents", f"203.0.113.{number % 200}", headers=_bearer("viewer")
        )
    )


async def _unknown_tokens(target: Target) -> Counter[str]:
    body = notification(alert("Forged"))
    headers = {"Authorization": "Bearer a-token-that-nobody-has"}
    return await target.often(
        lambda session, number: target.ask(
            session, "POST", "/v1/alerts/webhook", f"198.51.100.{number % 200}", headers=headers,
            json=body,
        )
    )  # fmt: skip


async def _passwords(target: Target) -> Counter[str]:
    from aiohttp import encode_basic_auth  # noqa: PLC0415 - new in 3.14

    return await target.often(
        lambda session, number: target.ask(
            session, "GET", "/v1/incidents", "203.0.113.3",
            headers={"Authorization": encode_basic_auth("old", f"guess-{number}")},
        )
    )  # fmt: skip


async def _logins(target: Target) -> Counter[str]:
    return await target.often(
        lambda session, number: target.ask(
            session, "POST", "/login", f"192.0.2.{number % 200}",
            data={"username": f"stranger{number}", "password": "a guess"},
        )
    )  # fmt: skip


async def _notes(target: Target) -> Counter[str]:
    path = f"/v1/incidents/{target.incident}/note"
    return await target.often(
        lambda session, number: target.ask(
            session, "POST", path, headers=_bearer("ops"), json={"text": str(number)}
        )
    )


async def _incidents(target: Target) -> Counter[str]:
    """A sender that opens incidents without end: what is beyond its measure is one."""

    async def one(session: ClientSession, number: int) -> str:
        name = f"Wild{number}"
        body = notification(alert(name, labels={"severity": "warning"}), group=name)
        return await target.ask(
            session, "POST", "/v1/alerts/webhook", headers=_bearer("wild"), json=body
        )

    return await target.often(one)


async def _bombs(target: Target) -> Counter[str]:
    """Bodies that are small and become large, are deep, or are no text."""
    bodies: tuple[tuple[dict[str, str], bytes], ...] = (
        ({"Content-Encoding": "gzip"}, BOMB),
        ({}, b"[" * 100_000),
        ({}, b'{"alerts": [' + b"{}," * 20_000 + b"{}]}"),
        ({}, b"\xff" * 1_000),
    )

    async def one(session: ClientSession, number: int) -> str:
        more, body = bodies[number % len(bodies)]
        headers = _bearer("wild") | more
        return await target.ask(session, "POST", "/v1/alerts/webhook", headers=headers, data=body)

    return await target.often(one, BOMBS)


async def _other_sites(target: Target) -> Counter[str]:
    forms = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"})
    path = f"/incidents/{target.incident}/resolve"
    return await target.often(
        lambda session, number: target.ask(
            session, "POST", path, headers=_bearer("ops") | forms[number % 2], data={}
        )
    )


async def _forged_addresses(target: Target) -> Counter[str]:
    """The proxy is believed: what stands before its own entry is not."""
    return await target.often(
        lambda session, number: target.ask(
            session, "GET", "/health", f"10.9.{number % 250}.1, 203.0.113.77"
        )
    )


async def _silence(target: Target) -> Counter[str]:
    """Connections that never begin their handshake, and some that send rubbish."""
    found: Counter[str] = Counter()
    held: list[socket.socket] = []
    while time.monotonic() < target.until:
        if len(held) < SILENT:
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", target.rig.port))
            held.append(one)
            found["open"] += 1
        if len(held) % 10 == 0:
            with suppress(OSError):
                held[-1].send(b"\x16\x03\x01nonsense")
        await asyncio.sleep(EACH_S / SILENT / 2)
    for one in held:
        one.close()
    return found


async def _handshakes(target: Target) -> Counter[str]:
    """Handshakes that are made and thrown away."""
    found: Counter[str] = Counter()

    async def one() -> None:
        while time.monotonic() < target.until:
            with suppress(OSError, ssl.SSLError, TimeoutError):
                _, writer = await asyncio.wait_for(
                    asyncio.open_connection("127.0.0.1", target.rig.port, ssl=target.rig.trust), 5
                )
                writer.transport.abort()
                found["made"] += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(one() for _ in range(4)))
    return found


async def _dripping(target: Target) -> Counter[str]:
    """Bodies that come a byte at a time, of one who has a token."""
    found: Counter[str] = Counter()
    head = (
        "POST /v1/alerts/webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        f"Authorization: Bearer {TOKENS['wild']}\r\n\r\n"
    ).encode()

    async def one() -> None:
        with suppress(OSError, ssl.SSLError):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", target.rig.port, ssl=target.rig.trust
            )
            writer.write(head)
            found["dripping"] += 1
            while time.monotonic() < target.until:
                writer.write(b"{")
                await asyncio.sleep(0.5)
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(200)))
    return found


ATTACKS: tuple[tuple[str, Attack, set[str], set[str]], ...] = (
    # name, attack, what some are answered, what all are answered
    ("requests of one address", _from_one_address, {"429"}, {"200", "401", "404", "429"}),
    ("requests with one credential", _with_one_credential, {"200", "429"}, {"200", "429"}),
    ("alerts with unknown tokens", _unknown_tokens, {"401"}, {"401", "503"}),
    ("passwords of machines guessed", _passwords, {"401", "429"}, {"401", "429"}),
    ("logins guessed", _logins, {"401"}, {"401", "429", "503"}),
    ("notes without end", _notes, {"200", "429"}, {"200", "429"}),
    ("incidents without end", _incidents, {"202"}, {"202", "503"}),
    (
        "bodies that grow, deep or no text",
        _bombs,
        {"400", "415"},
        {"202", "400", "413", "415", "503"},
    ),
    ("forms of other sites", _other_sites, {"403"}, {"403", "429"}),
    ("addresses that are made up", _forged_addresses, {"429"}, {"200", "429"}),
    ("handshakes that never begin", _silence, {"open"}, {"open"}),
    ("handshakes thrown away", _handshakes, {"made"}, {"made"}),
    ("bodies a byte at a time", _dripping, {"dripping"}, {"dripping"}),
)


async def run(report: Report) -> None:
    """Report each attack: what became of it, and of the webhooks meanwhile."""
    with TemporaryDirectory() as folder:
        rig = await _rig(Path(folder))
        try:
            await _show(report, rig)
        finally:
            await rig.stop()


async def _rig(folder: Path) -> Rig:
    authority = Authority(folder / "tls")
    files = authority.issue("api")
    ann = {"name": "ann", "username": "ann", "role": "viewer"}
    settings = {
        "web": {
            "tls_server_config": {"cert_file": str(files.cert), "key_file": str(files.key)},
            "credentials": [*CREDENTIALS, ann | {"password_hash": hash_password("a long one")}],
            "limits": LIMITS,
            "trusted_proxies": ["127.0.0.1"],
        }
    }
    file = folder / "im.yml"
    file.write_text(yaml.safe_dump(settings))
    rig = Rig(folder)
    rig.trust = authority.client()
    await rig.start("receiver", f"--config.file={file}")
    return rig


async def _show(report: Report, rig: Rig) -> None:
    stream = Stream(rig)
    incident = await stream.first()
    calm = await stream.during(asyncio.sleep(EACH_S))
    report("webhooks while nobody attacks", calm.figure, _BOUND, calm.good, timed=True)
    opened = 0
    for name, attack, some, every in ATTACKS:
        found: Counter[str] = Counter()

        async def attacked(attack: Attack = attack, found: Counter[str] = found) -> None:
            found.update(await attack(Target(rig, incident)))

        times = await stream.during(attacked())
        opened += times.statuses["202"]
        what = ", ".join(f"{number} {word}" for word, number in sorted(found.items()))
        held = some <= set(found) <= every
        report(name, what, f"some {', '.join(sorted(some))}", held)
        report("  webhooks meanwhile", times.figure, _BOUND, times.good, timed=True)
    async with rig.session.get(f"{rig.url}/health", headers=_bearer("ops")) as answer:
        status = (await answer.json())["status"]
    report("afterwards the service is", status, "ok or degraded", status in ("ok", "degraded"))
    wanted = opened + calm.statuses["202"] + 1
    stored = await stream.stored()
    report("webhooks stored, of those accepted", f"{stored} of {wanted}", "all", stored == wanted)


_BOUND = f"all 202, none over {LATE_S:g} s"


class Times:
    """What the stream's webhooks of a while took (s), and what they were answered."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.statuses: Counter[str] = Counter()

    @property
    def number(self) -> int:
        return len(self.took)

    @property
    def figure(self) -> str:
        took = sorted(self.took)
        p99 = took[int(0.99 * (len(took) - 1))] * 1e3
        return f"{len(took)}, p99 {p99:.0f} ms, slowest {took[-1] * 1e3:.0f}"

    @property
    def good(self) -> bool:
        return set(self.statuses) == {"202"} and max(self.took) < LATE_S


class Stream:
    """A sender as they are: one webhook after the other, each a group of its own."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._number = 0
        self._session = rig.session

    async def first(self) -> str:
        """Return the incident of a first webhook."""
        _, answer = await self._send()
        return str(answer["incidents"][0])

    async def _send(self) -> tuple[int, Any]:
        self._number += 1
        name = f"Stream{self._number}"
        body = notification(alert(name, labels={"severity": "info"}), group=name)
        async with self._session.post(
            f"{self._rig.url}/v1/alerts/webhook", json=body, headers=_bearer("stream")
        ) as answer:
            return answer.status, await answer.json()

    async def during(self, what: Awaitable[None]) -> Times:
        """Send while something goes on; each is sent when it is due, whatever the others take."""
        found = Times()
        going = asyncio.ensure_future(what)
        running: set[asyncio.Task[None]] = set()

        async def one() -> None:
            began = time.monotonic()
            try:
                status = str((await self._send())[0])
            except (ClientError, OSError, json.JSONDecodeError) as error:
                status = type(error).__name__
            found.took.append(time.monotonic() - began)
            found.statuses[status] += 1

        while not going.done():
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(EVERY_S)
        await asyncio.gather(*running)
        await going
        return found

    async def stored(self) -> int:
        """Return how many incidents of the stream there are."""
        names: set[str] = set()
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            async with self._session.get(
                f"{self._rig.url}/v1/incidents?state=all&limit=1000{more}", headers=_bearer("ops")
            ) as answer:
                body = await answer.json()
            names |= {one["id"] for one in body["incidents"] if one["title"].startswith("Stream")}
            cursor = body["next"]
        return len(names)
