"""What nobody signed costs neither memory nor patience: it is refused before it is read."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.http.asked import body as access
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.patience import PATIENCE_S

SLACK = "/v1/slack/actions"
PAGERDUTY = "/v1/pagerduty/webhook"
SIGNED = {
    SLACK: {"X-Slack-Signature": "v0=" + "0" * 64, "X-Slack-Request-Timestamp": "1"},
    PAGERDUTY: {"X-PagerDuty-Signature": "v1=" + "0" * 64},
}


@pytest.fixture
async def open_to_vendors(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**{"pagerduty.webhook_secret": "hook-secret"})
    yield running
    await running.stop()


async def trickle(app: App, path: str, headers: dict[str, str], length: int, body: bytes) -> bytes:
    """Announce a body and send only the beginning of it; return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.service.api_port)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.readline(), PATIENCE_S)
    finally:
        writer.close()


@pytest.mark.parametrize("path", SIGNED)
async def test_without_a_signature_the_body_is_not_waited_for(
    open_to_vendors: App, path: str
) -> None:
    assert b" 401 " in await trickle(open_to_vendors, path, {}, 1_000_000, b"{")


async def test_without_a_secret_the_body_is_not_waited_for(plain: App) -> None:
    assert b" 403 " in await trickle(plain, PAGERDUTY, SIGNED[PAGERDUTY], 1_000_000, b"{")


@pytest.mark.parametrize("path", SIGNED)
async def test_a_signature_buys_no_more_than_vendors_send(open_to_vendors: App, path: str) -> None:
    size = access.SIGNED_MAX + 1
    status, _ = await open_to_vendors.post(b"x" * size, path, headers=SIGNED[path])
    assert status == 413
    status, _ = await open_to_vendors.post(b"x" * (size - 1), path, headers=SIGNED[path])
    assert status == 401


@pytest.mark.parametrize("path", SIGNED)
async def test_a_body_that_does_not_come_is_not_waited_for_long(
    open_to_vendors: App, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "READ_WITHIN_S", 0.2)
    assert b" 408 " in await trickle(open_to_vendors, path, SIGNED[path], 1_000, b"{")


async def test_a_large_body_that_is_signed_is_read(open_to_vendors: App) -> None:
    body: Any = b'{"event": {"event_type": "unknown", "x": "' + b"x" * (1 << 20) + b'"}}'
    signature = hmac.new(b"hook-secret", body, hashlib.sha256).hexdigest()
    headers = {"X-PagerDuty-Signature": f"v1={signature}"}
    assert (await open_to_vendors.post(body, PAGERDUTY, headers=headers))[0] == 202
