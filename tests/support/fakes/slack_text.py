"""What the text of a message amounts to: its length, and whom and where it would lead."""

import re
from collections.abc import Iterator
from typing import Any

# Slack documents no limit for the text of all blocks together. 9,597 characters were accepted and
# 11,341 refused with msg_blocks_too_long (slackapi/bolt-js issues 2509 and 2867).
MAX_BLOCKS_TEXT = 11_000

_MENTION = re.compile(
    r"<(!(?:channel|here|everyone|group)|!subteam\^[^<>|]*|@[A-Za-z0-9_]+)(?:\|[^<>]*)?>",
    re.IGNORECASE,
)
_LINK = re.compile(r"<((?:[a-z][a-z0-9+.-]*:)[^<>|]+)(?:\|[^<>]*)?>", re.IGNORECASE)
_PLAIN_MENTION = re.compile(r"(?<![\w<!])@(channel|here|everyone)\b")


def text_length(blocks: list[Any]) -> int:
    """Return the characters of all text in valid blocks, as sent (an `&amp;` counts five)."""
    return sum(len(text) for text, _ in _texts(blocks))


def mentions(text: str, blocks: list[Any], *, link_names: bool = False) -> list[str]:
    """Return the mentions that Slack would bring to life, each once, without their labels.

    The message text and mrkdwn or markdown in blocks are parsed, plain_text never. `link_names`
    makes Slack find a bare @here in the message text too.
    """
    live = [text, *(part for part, parsed in _texts(blocks) if parsed)]
    found = [f"<{match[1]}>" for part in live for match in _MENTION.finditer(part)]
    if link_names:
        found += [f"<!{match[1]}>" for match in _PLAIN_MENTION.finditer(text)]
    return list(dict.fromkeys(found))


def links(text: str, blocks: list[Any]) -> list[str]:
    """Return the addresses of the links that `<url|label>` makes in parsed text, each once."""
    live = [text, *(part for part, parsed in _texts(blocks) if parsed)]
    return list(dict.fromkeys(match[1] for part in live for match in _LINK.finditer(part)))


def _texts(value: Any) -> Iterator[tuple[str, bool]]:
    """Yield every text inside blocks, and whether Slack parses it for mentions and links."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("text", "alt_text") and isinstance(item, str):
                yield item, key == "text" and value.get("type") in ("mrkdwn", "markdown")
            else:
                yield from _texts(item)
