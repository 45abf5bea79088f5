"""Block Kit as Slack checks it.

Limits are those of docs.slack.dev/reference/block-kit. Only what an incident message can need is
known here: section, header, divider, context, actions, image and markdown blocks with buttons,
overflow and select menus, and images. Any other type is refused, which is stricter than Slack.
"""

import re
from collections.abc import Callable, Container
from typing import Any

MAX_BLOCKS = 50
MAX_MARKDOWN_TEXT = 12_000

_URL = re.compile(r"https?://[^\s/]\S*")

_BUTTON_KEYS = "action_id url value style confirm accessibility_label"
_SELECT_KEYS = "action_id placeholder confirm focus_on_load"
_PLAIN = ("plain_text",)
_ANY_TEXT = ("plain_text", "mrkdwn")


class BlockChecker:
    """Collects every error of a list of blocks, each with the JSON pointer Slack would name."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._block_ids: set[str] = set()
        self._action_ids: set[str] = set()
        self._blocks: dict[str, Callable[[dict[str, Any], str], None]] = {
            "section": self._section,
            "header": self._header,
            "divider": self._divider,
            "context": self._context,
            "actions": self._actions,
            "image": self._image_block,
            "markdown": self._markdown,
        }
        self._elements: dict[str, Callable[[dict[str, Any], str], None]] = {
            "button": self._button,
            "overflow": self._overflow,
            "static_select": self._static_select,
            "users_select": self._users_select,
            "image": self._image,
        }

    def fail(self, pointer: str, what: str) -> None:
        self.errors.append(f"{what} [json-pointer:{pointer}]")

    def check(self, blocks: list[Any]) -> list[str]:
        if len(blocks) > MAX_BLOCKS:
            self.fail("/blocks", f"no more than {MAX_BLOCKS} items allowed")
        for number, block in enumerate(blocks):
            pointer = f"/blocks/{number}"
            kind = self._type(block, pointer, self._blocks)
            if kind is not None:
                self._action_ids.clear()
                self._blocks[kind](block, pointer)
                self._block_id(block, pointer)
        return self.errors

    # Pieces.

    def _type(self, value: Any, pointer: str, known: Container[str]) -> str | None:
        if not isinstance(value, dict):
            self.fail(pointer, "must be an object")
            return None
        kind = value.get("type")
        if kind is None:
            self.fail(pointer, "missing required field: type")
        elif not isinstance(kind, str) or kind not in known:
            self.fail(f"{pointer}/type", f"unsupported type: {kind}")
        else:
            return kind
        return None

    def _keys(self, value: dict[str, Any], pointer: str, required: str, optional: str = "") -> None:
        for key in required.split():
            if key not in value:
                self.fail(pointer, f"missing required field: {key}")
        for key in value:
            if key not in {"type", *required.split(), *optional.split()}:
                self.fail(pointer, f"invalid additional property: {key}")

    def _string(self, holder: dict[str, Any], key: str, pointer: str, limit: int) -> None:
        if key not in holder:
            return
        value = holder[key]
        if not isinstance(value, str):
            self.fail(f"{pointer}/{key}", "must be a string")
        elif not value:
            self.fail(f"{pointer}/{key}", "must be more than 0 characters")
        elif len(value) > limit:
            self.fail(f"{pointer}/{key}", f"must be less than {limit + 1} characters")

    def _url(self, holder: dict[str, Any], key: str, pointer: str) -> None:
        self._string(holder, key, pointer, 3000)
        if isinstance(holder.get(key), str) and not _URL.fullmatch(holder[key]):
            self.fail(f"{pointer}/{key}", "must be a valid http or https url")

    def _one_of(self, holder: dict[str, Any], key: str, pointer: str, allowed: list[Any]) -> None:
        if key in holder and holder[key] not in allowed:
            self.fail(f"{pointer}/{key}", f"must be one of {allowed}")

    def _list(self, holder: dict[str, Any], key: str, pointer: str, limit: int) -> list[Any]:
        if key not in holder:
            return []
        value = holder[key]
        if not isinstance(value, list):
            self.fail(f"{pointer}/{key}", "must be an array")
            return []
        if not value:
            self.fail(f"{pointer}/{key}", "no fewer than 1 items allowed")
        if len(value) > limit:
            self.fail(f"{pointer}/{key}", f"no more than {limit} items allowed")
        return value

    def _text(self, value: Any, pointer: str, limit: int, kinds: tuple[str, ...] = _PLAIN) -> None:
        kind = self._type(value, pointer, kinds)
        if kind is None:
            return
        extra = "emoji" if kind == "plain_text" else "verbatim"
        self._keys(value, pointer, "text", extra)
        self._string(value, "text", pointer, limit)
        self._one_of(value, extra, pointer, [True, False])

    def _text_at(
        self,
        holder: dict[str, Any],
        key: str,
        pointer: str,
        limit: int,
        kinds: tuple[str, ...] = _PLAIN,
    ) -> None:
        if key in holder:
            self._text(holder[key], f"{pointer}/{key}", limit, kinds)

    def _block_id(self, block: dict[str, Any], pointer: str) -> None:
        self._string(block, "block_id", pointer, 255)
        self._unique(block, "block_id", pointer, self._block_ids)

    def _action_id(self, element: dict[str, Any], pointer: str) -> None:
        self._string(element, "action_id", pointer, 255)
        self._unique(element, "action_id", pointer, self._action_ids)

    def _unique(self, holder: dict[str, Any], key: str, pointer: str, seen: set[str]) -> None:
        value = holder.get(key)
        if isinstance(value, str):
            if value in seen:
                self.fail(f"{pointer}/{key}", f'`{key}` "{value}" already exists')
            seen.add(value)

    def _element(self, value: Any, pointer: str, allowed: str) -> None:
        kind = self._type(value, pointer, allowed.split())
        if kind is not None:
            self._elements[kind](value, pointer)

    # Blocks.

    def _section(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "", "text fields accessory block_id expand")
        if "text" not in block and "fields" not in block:
            self.fail(at, "must define either `fields` or `text`")
        self._text_at(block, "text", at, 3000, _ANY_TEXT)
        for number, field in enumerate(self._list(block, "fields", at, 10)):
            self._text(field, f"{at}/fields/{number}", 2000, _ANY_TEXT)
        self._one_of(block, "expand", at, [True, False])
        if "accessory" in block:
            allowed = "button overflow static_select users_select image"
            self._element(block["accessory"], f"{at}/accessory", allowed)

    def _header(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "text", "block_id")
        self._text_at(block, "text", at, 150)

    def _divider(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "", "block_id")

    def _context(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "elements", "block_id")
        for number, element in enumerate(self._list(block, "elements", at, 10)):
            pointer = f"{at}/elements/{number}"
            if isinstance(element, dict) and element.get("type") == "image":
                self._image(element, pointer)
            else:
                self._text(element, pointer, 3000, _ANY_TEXT)

    def _actions(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "elements", "block_id")
        for number, element in enumerate(self._list(block, "elements", at, 25)):
            allowed = "button overflow static_select users_select"
            self._element(element, f"{at}/elements/{number}", allowed)

    def _image_block(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "image_url alt_text", "title block_id")
        self._text_at(block, "title", at, 2000)
        self._image_parts(block, at)

    def _markdown(self, block: dict[str, Any], at: str) -> None:
        self._keys(block, at, "text", "block_id")
        self._string(block, "text", at, MAX_MARKDOWN_TEXT)

    # Elements.

    def _button(self, element: dict[str, Any], at: str) -> None:
        self._keys(element, at, "text", _BUTTON_KEYS)
        self._text_at(element, "text", at, 75)
        self._string(element, "value", at, 2000)
        self._string(element, "accessibility_label", at, 75)
        self._url(element, "url", at)
        self._one_of(element, "style", at, ["primary", "danger"])
        self._confirm(element, at)
        self._action_id(element, at)

    def _overflow(self, element: dict[str, Any], at: str) -> None:
        self._keys(element, at, "options", "action_id confirm")
        self._options(element, at, limit=5, extra="description url")
        self._confirm(element, at)
        self._action_id(element, at)

    def _static_select(self, element: dict[str, Any], at: str) -> None:
        self._keys(element, at, "options", f"{_SELECT_KEYS} initial_option")
        options = self._options(element, at, limit=100, extra="description")
        if "initial_option" in element and element["initial_option"] not in options:
            self.fail(f"{at}/initial_option", "must match one of the options")
        self._select_parts(element, at)

    def _users_select(self, element: dict[str, Any], at: str) -> None:
        self._keys(element, at, "", f"{_SELECT_KEYS} initial_user")
        self._string(element, "initial_user", at, 255)
        self._select_parts(element, at)

    def _select_parts(self, element: dict[str, Any], at: str) -> None:
        self._text_at(element, "placeholder", at, 150)
        self._one_of(element, "focus_on_load", at, [True, False])
        self._confirm(element, at)
        self._action_id(element, at)

    def _image(self, element: dict[str, Any], at: str) -> None:
        self._keys(element, at, "image_url alt_text")
        self._image_parts(element, at)

    def _image_parts(self, holder: dict[str, Any], at: str) -> None:
        self._url(holder, "image_url", at)
        self._string(holder, "alt_text", at, 2000)

    def _options(self, element: dict[str, Any], at: str, *, limit: int, extra: str) -> list[Any]:
        options = self._list(element, "options", at, limit)
        for number, option in enumerate(options):
            pointer = f"{at}/options/{number}"
            if not isinstance(option, dict):
                self.fail(pointer, "must be an object")
                continue
            if "type" in option:
                self.fail(pointer, "invalid additional property: type")
            self._keys(option, pointer, "text value", extra)
            self._text_at(option, "text", pointer, 75, _ANY_TEXT)
            self._text_at(option, "description", pointer, 75, _ANY_TEXT)
            self._string(option, "value", pointer, 150)
            self._url(option, "url", pointer)
        return options

    def _confirm(self, element: dict[str, Any], at: str) -> None:
        if "confirm" not in element:
            return
        confirm, pointer = element["confirm"], f"{at}/confirm"
        if not isinstance(confirm, dict):
            self.fail(pointer, "must be an object")
            return
        if "type" in confirm:
            self.fail(pointer, "invalid additional property: type")
        self._keys(confirm, pointer, "title text confirm deny", "style")
        self._text_at(confirm, "title", pointer, 100)
        self._text_at(confirm, "text", pointer, 300, _ANY_TEXT)
        self._text_at(confirm, "confirm", pointer, 30)
        self._text_at(confirm, "deny", pointer, 30)
        self._one_of(confirm, "style", pointer, ["primary", "danger"])


def check_blocks(blocks: list[Any]) -> list[str]:
    """Return every error of the blocks in Slack's words, none if Slack would take them."""
    return BlockChecker().check(blocks)
