"""The workspace behind the fake Slack: channels, messages, and the Web API methods on them."""

import itertools
import math
from collections import deque
from collections.abc import Callable

from tests.support.fakes.server import Json
from tests.support.fakes.slack_directory import Directory
from tests.support.fakes.slack_messages import Message
from tests.support.fakes.slack_requests import (
    EPHEMERAL_ARGS,
    HISTORY_ARGS,
    POST_ARGS,
    REPLIES_ARGS,
    UPDATE_ARGS,
    RefusedError,
    check_args,
    check_content,
    check_metadata,
    check_time,
)
from tests.support.fakes.slack_text import mentions

# docs.slack.dev/reference/methods/chat.postMessage and chat.update
MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
_CURSOR = "offset:"


class LimitedError(Exception):
    """A rate is exceeded; `seconds` until a call would be taken again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Workspace(Directory):
    """What Slack knows. Each Web API method takes its arguments and returns the answer.

    Methods raise RefusedError for an answer with ok false, LimitedError for a 429.
    """

    def __init__(
        self,
        channels: dict[str, str],
        users: dict[str, str],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        super().__init__(channels, users)
        self.ephemerals: list[Json] = []
        self.clock = clock
        self.wall = wall
        self.rate_per_channel: float | None = None
        self.burst = 1
        self.updates_per_minute: int | None = None
        self.messages: list[Message] = []
        self._by_ts: dict[str, Message] = {}
        self._threads: dict[str, list[Message]] = {}
        self._last_ts = 0
        self._block_ids = itertools.count(1)
        self._full_until: dict[str, float] = {}
        self._updates: deque[float] = deque()
        self.methods |= {
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.getPermalink": self._get_permalink,
        }

    def message(self, ts: str) -> Message:
        """Return the message of that time; KeyError if there is none."""
        return self._by_ts[ts]

    def top_level(self, channel: str | None) -> list[Message]:
        """Return the messages outside threads, oldest first, of a channel (id or name) or all."""
        wanted = None if channel is None else self._channel(channel)
        return [m for m in self.messages if not m.is_reply and wanted in (None, m.channel)]

    def replies(self, ts: str) -> list[Message]:
        """Return the replies in the thread of the message `ts`, oldest first."""
        return list(self._threads.get(ts, []))

    def forget(self) -> None:
        """Drop every message and every spent rate."""
        self.messages.clear()
        self._by_ts.clear()
        self._threads.clear()
        self._full_until.clear()
        self._updates.clear()

    def _post_message(self, args: Json) -> Json:
        check_args(args, POST_ARGS)
        channel = self._channel(args.get("channel", ""))
        if channel in self.archived:
            raise RefusedError("is_archived")
        check_content(args)
        if "metadata" in args:
            check_metadata(args["metadata"])
        if not (args.get("text") or args.get("blocks") or args.get("attachments")):
            raise RefusedError("no_text")
        self._check_thread(channel, args.get("thread_ts"))
        self._spend_post(channel)
        message = Message(
            channel=channel,
            ts=self._new_ts(),
            thread_ts=args.get("thread_ts"),
            text=args.get("text", "")[:MAX_TEXT],
            blocks=self._with_block_ids(args.get("blocks", [])),
            metadata=args.get("metadata"),
            attachments=args.get("attachments", []),
            reply_broadcast=args.get("reply_broadcast", False),
        )
        message.pings = self._mentions(message, args)
        message.remember(message.pings)
        self.messages.append(message)
        self._by_ts[message.ts] = message
        if message.is_reply:
            self._threads.setdefault(str(message.thread_ts), []).append(message)
        shown = message.as_slack_shows_it(with_metadata=True)
        return {"channel": channel, "ts": message.ts, "message": shown}

    def _update(self, args: Json) -> Json:
        check_args(args, UPDATE_ARGS)
        message = self._find(self._channel_id(args), args.get("ts", ""))
        if message is None:
            raise RefusedError("message_not_found")
        if message.channel in self.archived:
            raise RefusedError("is_archived")
        check_content(args)
        if args.get("metadata"):
            check_metadata(args["metadata"])
        if len(args.get("text", "")) > MAX_UPDATE_TEXT:
            raise RefusedError("msg_too_long")
        if not (args.get("text") or args.get("blocks") or args.get("attachments")):
            raise RefusedError("no_text")
        self._spend_update()
        self._change(message, args)
        shown = message.as_slack_shows_it(with_metadata=True)
        answer = {"channel": message.channel, "ts": message.ts, "text": message.text}
        return {**answer, "message": shown}

    def _change(self, message: Message, args: Json) -> None:
        """Apply an accepted update; what is not given stays, but blocks go with a bare text."""
        message.text = args.get("text", message.text)
        if "text" in args or "blocks" in args:
            message.blocks = self._with_block_ids(args.get("blocks", []))
        message.attachments = args.get("attachments", message.attachments)
        if "metadata" in args:
            message.metadata = args["metadata"] or None
        message.updates += 1
        message.edited = not message.blocks
        message.remember(self._mentions(message, args))

    def _history(self, args: Json) -> Json:
        check_args(args, HISTORY_ARGS)
        channel = self._channel_id(args)
        shown = [
            m
            for m in reversed(self.messages)
            if m.channel == channel and (not m.is_reply or m.reply_broadcast)
        ]
        return self._page(self._between(shown, args), args)

    def _replies(self, args: Json) -> Json:
        check_args(args, REPLIES_ARGS)
        parent = self._find(self._channel_id(args), args.get("ts", ""))
        if parent is None or parent.is_reply:
            raise RefusedError("thread_not_found")
        return self._page([parent, *self._between(self.replies(parent.ts), args)], args)

    def _post_ephemeral(self, args: Json) -> Json:
        check_args(args, EPHEMERAL_ARGS)
        channel = self._channel_id(args)
        check_content(args)
        if args.get("user") not in self.users:
            raise RefusedError("user_not_in_channel")
        if not (args.get("text") or args.get("blocks")):
            raise RefusedError("no_text")
        self.ephemerals.append({**args, "channel": channel})
        return {"message_ts": self._new_ts()}

    def _get_permalink(self, args: Json) -> Json:
        channel, ts = self._channel_id(args), str(args.get("message_ts", ""))
        if not ts:
            raise RefusedError("message_not_found")
        link = f"https://fake.slack.com/archives/{channel}/p{ts.replace('.', '')}"
        return {"channel": channel, "permalink": link}

    # Pieces of the methods.

    def _find(self, channel: str, ts: str) -> Message | None:
        message = self._by_ts.get(ts)
        return message if message is not None and message.channel == channel else None

    def _check_thread(self, channel: str, thread_ts: str | None) -> None:
        if thread_ts is None:
            return
        parent = self._find(channel, thread_ts)
        if parent is None:
            raise RefusedError("thread_not_found")
        if parent.is_reply:
            raise RefusedError("cannot_reply_to_message")

    def _mentions(self, message: Message, args: Json) -> list[str]:
        loose = bool(args.get("link_names")) or args.get("parse") == "full"
        return mentions(message.text, message.blocks, link_names=loose)

    def _between(self, messages: list[Message], args: Json) -> list[Message]:
        oldest = check_time(args, "oldest", 0.0)
        latest = check_time(args, "latest", math.inf)
        if args.get("inclusive"):
            return [m for m in messages if oldest <= float(m.ts) <= latest]
        return [m for m in messages if oldest < float(m.ts) < latest]

    def _page(self, messages: list[Message], args: Json) -> Json:
        limit, cursor = str(args.get("limit", "100")), str(args.get("cursor", ""))
        if not limit.isdecimal() or not 1 <= int(limit) <= 999:
            raise RefusedError("invalid_limit")
        start = cursor.removeprefix(_CURSOR) or "0"
        if not start.isdecimal() or (cursor and not cursor.startswith(_CURSOR)):
            raise RefusedError("invalid_cursor")
        end = int(start) + int(limit)
        with_metadata = bool(args.get("include_all_metadata"))
        page: Json = {
            "messages": [
                m.as_slack_shows_it(
                    with_metadata=with_metadata, replies=len(self._threads.get(m.ts, []))
                )
                for m in messages[int(start) : end]
            ],
            "has_more": end < len(messages),
        }
        if page["has_more"]:
            page["response_metadata"] = {"next_cursor": f"{_CURSOR}{end}"}
        return page

    def _with_block_ids(self, blocks: list[Json]) -> list[Json]:
        """Return the blocks with the ids that Slack makes up for those that have none."""
        return [{**b, "block_id": b.get("block_id", f"b{next(self._block_ids)}")} for b in blocks]

    def _new_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, int(self.wall() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _spend_post(self, channel: str) -> None:
        if self.rate_per_channel is None:
            return
        now, interval = self.clock(), 1 / self.rate_per_channel
        full_until = max(self._full_until.get(channel, now), now)
        wait = full_until - now - (self.burst - 1) * interval
        if wait > 0:
            raise LimitedError(wait)
        self._full_until[channel] = full_until + interval

    def _spend_update(self) -> None:
        if self.updates_per_minute is None:
            return
        now = self.clock()
        while self._updates and self._updates[0] <= now - 60:
            self._updates.popleft()
        if len(self._updates) >= self.updates_per_minute:
            raise LimitedError(self._updates[0] + 60 - now)
        self._updates.append(now)
