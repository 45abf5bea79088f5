"""Messages as the fake keeps them, and the clicks people make on their buttons."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.fakes.slack_text import links

Json = dict[str, Any]
Sent = tuple[str, Json]
"""What a client sends: its kind as Socket Mode names it, and the payload."""

TEAM = {"id": "T0FAKE", "domain": "fake"}
APP_ID = "A0FAKE"
BOT_ID = "B0FAKE"
BOT_USER = "U0BOT"


@dataclass
class Message:
    """A message in a channel.

    `texts` and `versions` (the blocks) hold every state so far, oldest first. `pings` are the
    mentions that rang somebody: those of the message as posted, since an update rings nobody.
    `mentions` are those that any version brought to life.
    """

    channel: str
    ts: str
    thread_ts: str | None = None
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    reply_broadcast: bool = False
    updates: int = 0
    edited: bool = False
    texts: list[str] = field(default_factory=list)
    versions: list[list[Json]] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)

    @property
    def links(self) -> list[str]:
        """The addresses of the links in the text and blocks as they are now."""
        return links(self.text, self.blocks)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def remember(self, found: list[str]) -> None:
        """Keep the present text and blocks as a version in which the mentions `found` live."""
        self.texts.append(self.text)
        self.versions.append(self.blocks)
        self.mentions += [mention for mention in found if mention not in self.mentions]

    def buttons(self, version: int = -1) -> dict[str, Json]:
        """Return the buttons of a version (default the present one) by their action_id."""
        return {e["action_id"]: e for _, e in self._elements(version) if "action_id" in e}

    def find_button(self, action_id: str, version: int) -> tuple[Json, Json]:
        """Return the block and the button; KeyError, naming what there is, without one."""
        for block, element in self._elements(version):
            if element.get("action_id") == action_id:
                return block, element
        raise KeyError(f"no {action_id!r} in {self.ts}, only {sorted(self.buttons(version))}")

    def as_slack_shows_it(
        self, *, with_metadata: bool, replies: int = 0, version: int = -1
    ) -> Json:
        """Return the message in the shape of the Web API's answers."""
        shown: Json = {
            "type": "message",
            "user": BOT_USER,
            "bot_id": BOT_ID,
            "app_id": APP_ID,
            "team": TEAM["id"],
            "ts": self.ts,
            "text": self.texts[version],
        }
        if self.versions[version]:
            shown["blocks"] = self.versions[version]
        if self.attachments:
            shown["attachments"] = self.attachments
        if self.is_reply or replies:
            shown["thread_ts"] = self.thread_ts or self.ts
        if replies:
            shown["reply_count"] = replies
        if self.is_reply and self.reply_broadcast:
            shown["subtype"] = "thread_broadcast"
        if self.edited:
            shown["edited"] = {"user": BOT_USER, "ts": self.ts}
        if with_metadata and self.metadata is not None:
            shown["metadata"] = self.metadata
        return shown

    def _elements(self, version: int) -> Iterator[tuple[Json, Json]]:
        for block in self.versions[version]:
            if block["type"] == "actions":
                for element in block["elements"]:
                    yield block, element
            elif "accessory" in block:
                yield block, block["accessory"]


@dataclass(frozen=True)
class Click:
    """A person's press on a button, with what Slack adds to it.

    `version` picks the state of the message that the person still had on the screen.
    """

    message: Message
    channel_name: str
    action_id: str
    user: str
    user_name: str
    at: float
    trigger_id: str
    response_url: str
    value: str | None = None
    version: int = -1
    action_ts: str | None = None

    def payload(self) -> Json:
        """Return the block_actions payload."""
        message = self.message
        block, button = message.find_button(self.action_id, self.version)
        action: Json = {
            "type": button["type"],
            "action_id": self.action_id,
            "block_id": block["block_id"],
            "action_ts": self.action_ts or f"{self.at:.6f}",
        }
        if "text" in button:
            action["text"] = button["text"]
        value = self.value if self.value is not None else button.get("value")
        if value is not None:
            action["value"] = value
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": False,
        }
        if message.is_reply:
            container["thread_ts"] = message.thread_ts
        return {
            "type": "block_actions",
            "user": {
                "id": self.user,
                "username": self.user_name,
                "name": self.user_name,
                "team_id": TEAM["id"],
            },
            "api_app_id": APP_ID,
            "token": "deprecated-verification-token",
            "container": container,
            "trigger_id": self.trigger_id,
            "team": TEAM,
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": message.channel, "name": self.channel_name},
            "message": message.as_slack_shows_it(with_metadata=True, version=self.version),
            "state": {"values": {}},
            "response_url": self.response_url,
            "actions": [action],
        }


def signed(
    sent: Sent, secret: str, timestamp: int | str, *, bad_signature: bool = False
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request as Slack sends it over HTTP.

    docs.slack.dev/authentication/verifying-requests-from-slack.
    """
    kind, payload = sent
    content = "application/x-www-form-urlencoded"
    if kind == "events_api":
        body, content = json.dumps(payload).encode(), "application/json"
    elif kind == "slash_commands":
        body = urlencode(payload).encode()
    else:
        body = urlencode({"payload": json.dumps(payload)}).encode()
    key = f"not-{secret}" if bad_signature else secret
    return body, signed_headers(body, content, key, timestamp)


def signed_headers(body: bytes, content: str, secret: str, timestamp: int | str) -> dict[str, str]:
    """Return the headers of a request of Slack's with any body; ``content`` is its type."""
    text = f"v0:{timestamp}:".encode() + body
    return {
        "Content-Type": content,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": f"v0={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}",
    }
