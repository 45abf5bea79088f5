"""Views as Slack checks and keeps them: windows (modals) and App Homes.

Limits are those of docs.slack.dev/reference/views and reference/block-kit. A trigger opens one
window within three seconds.
"""

import hashlib
import itertools
import json
from collections.abc import Callable
from typing import Any

from tests.support.fakes.slack_blocks import BlockChecker
from tests.support.fakes.slack_requests import RefusedError, invalid
from tests.support.fakes.slack_text import mentions

Json = dict[str, Any]

MAX_BLOCKS = 100
MAX_BYTES = 250_000
TRIGGER_S = 3.0


class ViewChecker(BlockChecker):
    """Checks a whole view; what an input holds is known here and nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks["input"] = self._input
        self._inputs = {
            "plain_text_input": self._plain_text_input,
            "static_select": self._static_select,
            "multi_static_select": self._multi_static_select,
            "users_select": self._users_select,
            "datepicker": self._datepicker,
            "datetimepicker": self._datetimepicker,
        }

    def check_view(self, view: Json) -> list[str]:
        """Return every error of the view in Slack's words."""
        modal = view.get("type") == "modal"
        if view.get("type") not in ("modal", "home"):
            self.fail("/view/type", f"must be one of ['modal', 'home']: {view.get('type')}")
        required = "title blocks" if modal else "blocks"
        optional = "callback_id private_metadata external_id"
        if modal:
            optional += " submit close clear_on_close notify_on_close"
        self._keys(view, "/view", required, optional)
        for key in ("title", "submit", "close"):
            self._text_at(view, key, "/view", 24)
        self._string(view, "callback_id", "/view", 255)
        if len(view.get("private_metadata", "")) > 3000:
            self.fail("/view/private_metadata", "must be less than 3001 characters")
        blocks = view.get("blocks", [])
        if not isinstance(blocks, list) or not 1 <= len(blocks) <= MAX_BLOCKS:
            self.fail("/view/blocks", f"1 to {MAX_BLOCKS} items allowed")
            return self.errors
        if any(block.get("type") == "input" for block in blocks) and modal and "submit" not in view:
            self.fail("/view", "missing required field: submit")
        if len(json.dumps(view).encode()) > MAX_BYTES:
            self.fail("/view", "view is too large")
        for at in range(0, len(blocks), 50):
            self.check(blocks[at : at + 50])
        return self.errors

    def _input(self, block: Json, at: str) -> None:
        self._keys(block, at, "label element", "hint optional dispatch_action block_id")
        self._text_at(block, "label", at, 2000)
        self._text_at(block, "hint", at, 2000)
        self._one_of(block, "optional", at, [True, False])
        kind = self._type(block.get("element"), f"{at}/element", self._inputs)
        if kind is not None:
            self._inputs[kind](block["element"], f"{at}/element")

    def _plain_text_input(self, element: Json, at: str) -> None:
        known = "action_id placeholder initial_value multiline min_length max_length"
        self._keys(element, at, "", known)
        self._text_at(element, "placeholder", at, 150)
        most = element.get("max_length", 3000)
        if not isinstance(most, int) or not 1 <= most <= 3000:
            self.fail(f"{at}/max_length", "must be from 1 to 3000")
        self._string(element, "initial_value", at, most)
        self._action_id(element, at)

    def _multi_static_select(self, element: Json, at: str) -> None:
        known = "action_id placeholder initial_options max_selected_items focus_on_load confirm"
        self._keys(element, at, "options", known)
        options = self._options(element, at, limit=100, extra="description")
        chosen = element.get("initial_options", options[:1])
        if not isinstance(chosen, list) or not chosen or any(one not in options for one in chosen):
            self.fail(f"{at}/initial_options", "must match one or more of the options")
        self._select_parts(element, at)

    def _datepicker(self, element: Json, at: str) -> None:
        self._keys(element, at, "", "action_id initial_date placeholder confirm focus_on_load")

    def _datetimepicker(self, element: Json, at: str) -> None:
        self._keys(element, at, "", "action_id initial_date_time confirm focus_on_load")
        initial = element.get("initial_date_time")
        if initial is not None and (not isinstance(initial, int) or len(str(initial)) != 10):
            self.fail(f"{at}/initial_date_time", "must be a timestamp of 10 digits")
        self._action_id(element, at)


def check_view(view: Any) -> None:
    """Refuse a view that Slack would not take."""
    if not isinstance(view, dict):
        raise invalid("invalid_arguments", ["must be an object [json-pointer:/view]"])
    if errors := ViewChecker().check_view(view):
        raise invalid("invalid_arguments", errors)


class Views:
    """The open windows and the App Homes of a workspace, and the triggers that may open one."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._serials = itertools.count(1)
        self._triggers: dict[str, tuple[float, str]] = {}
        self._spent: set[str] = set()
        self.open_views: dict[str, Json] = {}
        self.homes: dict[str, Json] = {}
        self.pings: list[str] = []
        self.methods: dict[str, Callable[[Json], Json]] = {
            "views.open": self._open,
            "views.update": self._update,
            "views.publish": self._publish,
        }

    def trigger(self, user: str) -> str:
        """Return a trigger that somebody's press gave rise to just now."""
        name = f"{next(self._serials)}.{int(self._wall() * 1000)}.fake"
        self._triggers[name] = (self._wall(), user)
        return name

    def of(self, user: str) -> Json:
        """Return the newest open window of somebody; KeyError when they have none."""
        for view in reversed(self.open_views.values()):
            if view["user"] == user:
                return view
        raise KeyError(f"{user} has no window open")

    def apply_answer(self, view_id: str, answer: Json) -> None:
        """Do what the answer to a submission says; AssertionError when Slack would not take it."""
        action = answer.get("response_action")
        if not answer:
            del self.open_views[view_id]
        elif action == "errors":
            blocks = self.open_views[view_id]["blocks"]
            known = {block["block_id"] for block in blocks if block["type"] == "input"}
            assert set(answer["errors"]) <= known, answer
            self.open_views[view_id]["errors"] = answer["errors"]
        else:
            assert action == "update", answer
            self._store(view_id, answer["view"], self.open_views[view_id]["user"])

    def _open(self, args: Json) -> Json:
        trigger = str(args.get("trigger_id", ""))
        if trigger not in self._triggers:
            raise RefusedError("invalid_trigger_id")
        if trigger in self._spent:
            raise RefusedError("exchanged_trigger_id")
        at, user = self._triggers[trigger]
        if self._wall() - at > TRIGGER_S:
            raise RefusedError("expired_trigger_id")
        view = _view(args)
        check_view(view)
        if view["type"] != "modal":
            raise invalid("invalid_arguments", ["must be a modal [json-pointer:/view/type]"])
        self._spent.add(trigger)
        return {"view": self._store(f"V{next(self._serials)}", view, user)}

    def _update(self, args: Json) -> Json:
        known = self.open_views.get(str(args.get("view_id", "")))
        if known is None:
            raise RefusedError("not_found")
        if "hash" in args and args["hash"] != known["hash"]:
            raise RefusedError("hash_conflict")
        view = _view(args)
        check_view(view)
        return {"view": self._store(known["id"], view, known["user"])}

    def _publish(self, args: Json) -> Json:
        view, user = _view(args), str(args.get("user_id", ""))
        check_view(view)
        if view["type"] != "home" or not user:
            raise invalid("invalid_arguments", ["must be a home [json-pointer:/view/type]"])
        self.homes[user] = self._kept(f"H{user}", view, user)
        return {"view": self.homes[user]}

    def _store(self, view_id: str, view: Json, user: str) -> Json:
        check_view(view)
        self.open_views[view_id] = self._kept(view_id, view, user)
        return self.open_views[view_id]

    def _kept(self, view_id: str, view: Json, user: str) -> Json:
        self.pings += mentions("", view["blocks"], link_names=False)
        blocks = [
            {**block, "block_id": block.get("block_id", f"b{next(self._serials)}")}
            for block in view["blocks"]
        ]
        mark = f"{next(self._serials)}.{hashlib.sha256(json.dumps(view).encode()).hexdigest()[:8]}"
        return {**view, "id": view_id, "hash": mark, "blocks": blocks, "user": user}


def _view(args: Json) -> Any:
    view = args.get("view")
    if isinstance(view, str):
        try:
            return json.loads(view)
        except ValueError:
            raise RefusedError("invalid_arguments") from None
    return view
