"""Anchors: where the end of the audit trail is told to those who keep it elsewhere.

Whoever can write to Redis can make the whole chain anew. What cannot be changed with it is what the
log, a file on another disk or a service outside was told before: ``audit verify`` compares.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientError

from receiver.audit.config import AuditConfig
from receiver.errors import IncidentManagerError
from receiver.http_client import HttpClient
from receiver.observability.logs import AUDIT
from receiver.store.audit.entry import LINK_DIGITS, NUMBER_MAX
from receiver.store.audit.verify import Anchor
from receiver.text.times import rfc3339

log = logging.getLogger(AUDIT)

ACTION = "anchor"
TIMEOUT_S = 10.0
ANSWER_MAX = 1_000
LINE_MAX = 100_000


class AnchorError(IncidentManagerError):
    """An anchor was not written, or cannot be read; the text says where and why."""


def as_json(anchor: Anchor) -> dict[str, Any]:
    """Return an anchor as files and services have it."""
    return {
        "action": ACTION,
        "at": anchor.at,
        "shard": anchor.shard,
        "number": anchor.number,
        "link": anchor.link,
    }


class Anchors:
    """Writes anchors to the log, and to a file and a URL where those are set."""

    def __init__(self, config: AuditConfig) -> None:
        self._config = config
        self._client = HttpClient(timeout=TIMEOUT_S)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def write(self, shard: int, number: int, link: str, now: int) -> None:
        """Tell everybody; AnchorError names who was not told, after all were tried."""
        anchor = Anchor(shard, number, link, rfc3339(now) or "")
        told = as_json(anchor)
        words = "the audit trail of shard %d ends with entry %d: %s"
        log.info(words, shard, number, link, extra=told)
        problems = []
        if self._config.anchor_file:
            try:
                _add_line(Path(self._config.anchor_file), json.dumps(told))
            except OSError as error:
                problems.append(f"audit.anchor_file: {error.strerror or error}")
        if self._config.anchor_url:
            problems += await self._post(self._config.anchor_url, told)
        if problems:
            raise AnchorError("; ".join(problems))

    async def _post(self, url: str, told: dict[str, Any]) -> list[str]:
        token = self._config.anchor_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        try:
            answer = await self._client.ask(
                "POST", url, most=ANSWER_MAX, cut=True, json=told, headers=headers
            )
        except (ClientError, TimeoutError, OSError) as error:
            return [f"audit.anchor_url: {str(error) or type(error).__name__}"]
        return [] if answer.status // 100 == 2 else [f"audit.anchor_url: HTTP {answer.status}"]  # noqa: PLR2004


def _add_line(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(path: Path) -> list[Anchor]:
    """Return the anchors among the lines of a file: of anchors alone, or of the log as JSON.

    AnchorError when it cannot be read, or when there is none in it.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = list(_anchors(file))
    except OSError as error:
        raise AnchorError(f"{path} cannot be read: {error.strerror or error}") from error
    if not found:
        raise AnchorError(f"{path} has no anchor: lines of JSON with action, shard, number, link")
    return found


class _Line(msgspec.Struct):
    action: str
    shard: int
    number: int
    link: str
    at: str = ""
    timestamp: str = ""


_decode = msgspec.json.Decoder(_Line).decode


def _anchors(lines: Iterable[str]) -> Iterator[Anchor]:
    for line in lines:
        start = line.find("{")
        if start < 0 or ACTION not in line or len(line) > LINE_MAX:
            continue
        try:
            read = _decode(line[start:].strip())
        except (ValueError, RecursionError):
            continue
        fits = 0 <= read.number < 10**NUMBER_MAX and len(read.link) == LINK_DIGITS
        if read.action == ACTION and fits:
            yield Anchor(read.shard, read.number, read.link, (read.at or read.timestamp)[:40])
