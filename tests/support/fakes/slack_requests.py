"""Reading and judging the arguments of Slack's Web API calls."""

import json
import math
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.support.fakes.slack_blocks import check_blocks
from tests.support.fakes.slack_text import MAX_BLOCKS_TEXT, text_length

Json = dict[str, Any]

MAX_ATTACHMENTS = 100
POST_ARGS = frozenset(
    (
        "channel",
        "text",
        "blocks",
        "attachments",
        "metadata",
        "thread_ts",
        "reply_broadcast",
        "unfurl_links",
        "unfurl_media",
        "mrkdwn",
        "parse",
        "link_names",
        "username",
        "icon_emoji",
        "icon_url",
    )
)
UPDATE_ARGS = frozenset(
    (
        "channel",
        "ts",
        "text",
        "blocks",
        "attachments",
        "metadata",
        "reply_broadcast",
        "parse",
        "link_names",
    )
)
EPHEMERAL_ARGS = frozenset(("channel", "user", "text", "blocks", "thread_ts"))
HISTORY_ARGS = frozenset(
    ("channel", "oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata")
)
REPLIES_ARGS = HISTORY_ARGS | {"ts"}
_JSON_ARGS = {
    "blocks": "invalid_blocks_format",
    "attachments": "invalid_attachments",
    "metadata": "invalid_metadata_format",
}
_BOOLEANS = (
    "reply_broadcast",
    "unfurl_links",
    "unfurl_media",
    "mrkdwn",
    "link_names",
    "include_all_metadata",
    "inclusive",
)


class RefusedError(Exception):
    """Slack answers HTTP 200 with ok false: `name` is the error, `details` the rest."""

    def __init__(self, name: str, **details: Any) -> None:
        super().__init__(name)
        self.name = name
        self.details = details


def invalid(name: str, errors: list[str]) -> RefusedError:
    """Return the refusal that lists what is wrong, where Slack puts it."""
    messages = [f"[ERROR] {error}" for error in errors]
    return RefusedError(name, errors=errors, response_metadata={"messages": messages})


async def read_args(request: web.Request) -> Json:
    """Return the arguments of a call from its query, form or JSON body, as they came.

    Raises RefusedError for a body that is not what it says it is.
    """
    args: Json = dict(request.query)
    body = await request.read()
    if request.content_type == "application/json":
        return args | _json_body(body)
    return args | _form_body(body)


def parse_args(args: Json) -> Json:
    """Return the arguments with nulls left out and the values of forms turned into what they mean.

    Raises RefusedError for blocks, attachments or metadata that are no JSON.
    """
    parsed = {key: value for key, value in args.items() if value is not None}
    for key, error in _JSON_ARGS.items():
        if isinstance(parsed.get(key), str):
            try:
                parsed[key] = json.loads(parsed[key])
            except ValueError:
                raise RefusedError(error) from None
    for key in _BOOLEANS:
        if key in parsed:
            parsed[key] = str(parsed[key]).lower() in ("1", "true")
    return parsed


def _form_body(body: bytes) -> Json:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError:
        raise RefusedError("invalid_form_data") from None


def _json_body(body: bytes) -> Json:
    try:
        data = json.loads(body)
        # A lone surrogate is valid in JSON's escapes, and no text.
        json.dumps(data, ensure_ascii=False).encode()
    except ValueError:
        raise RefusedError("invalid_json") from None
    if not isinstance(data, dict):
        raise RefusedError("json_not_object")
    return data


def check_args(args: Json, allowed: frozenset[str]) -> None:
    """Refuse unknown arguments, which Slack would ignore, and texts that are no strings."""
    errors = [f"unknown argument: {key}" for key in args if key not in allowed]
    errors += [
        f"must be a string [json-pointer:/{key}]"
        for key in ("channel", "ts", "thread_ts", "text", "parse")
        if key in args and not isinstance(args[key], str)
    ]
    if errors:
        raise invalid("invalid_arguments", errors)


def check_content(args: Json) -> None:
    """Refuse blocks, attachments or metadata that Slack would not take."""
    blocks = args.get("blocks", [])
    if not isinstance(blocks, list):
        raise RefusedError("invalid_blocks_format")
    if errors := check_blocks(blocks):
        raise invalid("invalid_blocks", errors)
    if text_length(blocks) > MAX_BLOCKS_TEXT:
        raise RefusedError("msg_blocks_too_long")
    attachments = args.get("attachments", [])
    if not isinstance(attachments, list) or not all(isinstance(a, dict) for a in attachments):
        raise RefusedError("invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise RefusedError("too_many_attachments")


def check_metadata(metadata: Any) -> None:
    """Refuse metadata of any shape but {event_type: text, event_payload: object}."""
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        raise RefusedError("invalid_metadata_format")
    if not isinstance(metadata["event_type"], str) or not metadata["event_type"]:
        raise RefusedError("invalid_metadata_schema")
    if not isinstance(metadata["event_payload"], dict):
        raise RefusedError("invalid_metadata_schema")


def check_time(args: Json, key: str, default: float) -> float:
    """Return a message time such as "1700000000.000100" in seconds, or `default` without one."""
    value = args.get(key)
    if value in (None, "", "0", 0):
        return default
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise RefusedError(f"invalid_ts_{key}")
    return seconds
