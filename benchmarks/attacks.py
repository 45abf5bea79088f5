"""What a stranger or a careless sender may do, as a process of its own: loopback only, bounded.

``python -m benchmarks.attacks NAME PORT SECONDS TOKEN`` prints how often it was done. It attacks as
fast as it can, at a lower priority than what it attacks: an attacker has a machine of its own, and
what is measured is how much of the service it takes, not how much of the processor they share.
"""

import asyncio
import gzip
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

from aiohttp import ClientError, ClientSession, TCPConnector

from benchmarks.bodies import notification

Attack = Callable[[ClientSession, str, str], Awaitable[None]]
PATHS = ("/v1/alerts/webhook", "/v1/slack/actions", "/v1/incidents", "/nothing")


async def _bombs(session: ClientSession, url: str, _token: str) -> None:
    for path in PATHS:
        async with session.post(url + path, data=BOMB, headers={"Content-Encoding": "gzip"}):
            pass


async def _refused(session: ClientSession, url: str, _token: str) -> None:
    async with session.post(f"{url}/v1/alerts/webhook", data=LARGE) as answer:
        await answer.read()


async def _large(session: ClientSession, url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(f"{url}/v1/alerts/webhook", data=LARGE, headers=headers):
        pass


async def _nameless(session: ClientSession, url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(f"{url}/v1/alerts/webhook", data=NAMELESS, headers=headers):
        pass


async def _odd(session: ClientSession, url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    for path in PATHS[:3]:
        for body in (b'{"title":"\xed\xa0\x80"}', b"[" * 5_000, b'{"alerts":' + b"[" * 100_000):
            async with session.post(url + path, data=body, headers=headers):
                pass


async def _pages(session: ClientSession, url: str, _token: str) -> None:
    await asyncio.gather(*(_get(session, f"{url}{path}") for path in ("/-/ready", "/health") * 5))


async def _get(session: ClientSession, url: str) -> None:
    async with session.get(url) as answer:
        await answer.read()


async def _patterns(session: ClientSession, url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    opened = {"title": "by hand", "labels": {"service": "a" * 29 + "!", "severity": "info"}}
    async with session.post(f"{url}/v1/incidents", json=opened, headers=headers) as answer:
        incident = (await answer.json())["incident"]["id"]
    for pattern in ("(?:|){40}", r"(\w+-?)+-prod", "(a+)+$", "(.*a){25}"):
        body = {"for": "1h", "matchers": [f"service=~{json.dumps(pattern)}"]}
        where = f"{url}/v1/incidents/{incident}/silence"
        async with session.post(where, json=body, headers=headers) as answer:
            await answer.read()


ATTACKS: dict[str, Attack] = {
    "bombs": _bombs,
    "refused": _refused,
    "large": _large,
    "nameless": _nameless,
    "odd": _odd,
    "pages": _pages,
    "patterns": _patterns,
}
BOMB = gzip.compress(b"\0" * 500_000_000, 1) if "bombs" in sys.argv else b""
LARGE = notification("large", 0, 10_000) if {"large", "refused"} & set(sys.argv) else b""
NAMELESS = (
    notification("nameless", 0, 10_000).replace(b'"fingerprint":', b'"other":')
    if "nameless" in sys.argv
    else b""
)


async def _silent(port: int, number: int, seconds: float) -> None:
    """Hold as many connections as one gets, and send a byte now and then over some."""
    held = []
    for at in range(number):
        try:
            held.append(await asyncio.open_connection("127.0.0.1", port))
        except OSError:
            break
        if at % 2:
            held[-1][1].write(b"GET / HTTP/1.1\r\nA: ")
    await asyncio.sleep(seconds)
    for _, writer in held:
        writer.close()


async def _dripping(port: int, token: str, seconds: float) -> None:
    """Send bodies a byte at a time, over 200 connections."""
    head = (
        f"POST /v1/alerts/webhook HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        "Content-Length: 100000\r\n\r\n"
    ).encode()
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    for _, writer in held:
        writer.write(head)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _, writer in held:
            if not writer.is_closing():
                writer.write(b" ")
        await asyncio.sleep(0.2)
    for _, writer in held:
        writer.close()


async def _repeat(attack: Attack, port: int, token: str, seconds: float) -> int:
    done, end = 0, time.monotonic() + seconds
    async with ClientSession(connector=TCPConnector(limit=16)) as session:
        while time.monotonic() < end:
            try:
                await attack(session, f"http://127.0.0.1:{port}", token)
            except (ClientError, OSError):
                await asyncio.sleep(0.01)
            done += 1
    return done


async def _main(name: str, port: int, seconds: float, token: str) -> int:
    if name.startswith("silent"):
        number = int(name.removeprefix("silent"))
        await _silent(port, number, seconds)
        return number
    if name == "dripping":
        await _dripping(port, token, seconds)
        return 200
    return await _repeat(ATTACKS[name], port, token, seconds)


NICE = 10

if __name__ == "__main__":
    os.nice(NICE)
    print(asyncio.run(_main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])))
