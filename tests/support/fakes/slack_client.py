"""What a person's Slack client sends: presses, filled windows, commands, shortcuts.

docs.slack.dev/reference/interaction-payloads and interactivity/implementing-slash-commands. Each
returns (kind, payload), kind as Socket Mode names it. What the client itself would refuse is an
AssertionError here.
"""

import itertools
from typing import TYPE_CHECKING, Any

from tests.support.fakes.slack_messages import APP_ID, TEAM, Message, Sent

if TYPE_CHECKING:
    from tests.support.fakes.slack import FakeSlack

Json = dict[str, Any]
_serials = itertools.count(1)


class SlackClient:
    """One person's client."""

    def __init__(self, slack: "FakeSlack", user: str = "U1") -> None:
        self.slack = slack
        self.user = user

    @property
    def name(self) -> str:
        """The user's name in the workspace."""
        return self.slack.workspace.users.get(self.user, self.user.lower())

    @property
    def window(self) -> Json:
        """The window in front; KeyError when none is open."""
        return self.slack.views.of(self.user)

    def press(self, message: Message, action_id: str, option: str = "", version: int = -1) -> Sent:
        """Press a button of a message, or choose the menu's option that begins with ``option``."""
        block, element = message.find_button(action_id, version)
        channel = message.channel
        payload = self._interactive("block_actions") | {
            "container": {"type": "message", "message_ts": message.ts, "channel_id": channel},
            "channel": {"id": channel, "name": self.slack.workspace.channels[channel]},
            "message": message.as_slack_shows_it(with_metadata=True, version=version),
            "response_url": self._response_url(),
            "actions": [self._action(block, element, option)],
        }
        return "interactive", payload

    def press_in(self, view: Json, action_id: str, option: str = "", at: int = 0) -> Sent:
        """Press the ``at``-th button of that name in a window or an App Home."""
        found = [pair for pair in _elements(view) if pair[1]["action_id"] == action_id]
        assert found, f"no {action_id} in {view['blocks']}"
        payload = self._interactive("block_actions") | {
            "container": {"type": "view", "view_id": view["id"]},
            "view": _shown(view),
            "actions": [self._action(*found[at], option)],
        }
        return "interactive", payload

    def submit(self, **values: str | int) -> Sent:
        """Fill the window in front and send it; what is not given keeps its initial value."""
        view = self.window
        state: Json = {}
        inputs = [block for block in view["blocks"] if block["type"] == "input"]
        assert set(values) <= {block["block_id"] for block in inputs}, (values, view["blocks"])
        for block in inputs:
            element, name = block["element"], block["block_id"]
            filled = _fill(element, values.get(name))
            assert block.get("optional") or any(
                filled.get(key)
                for key in (
                    "value",
                    "selected_user",
                    "selected_option",
                    "selected_options",
                    "selected_date_time",
                )
            ), f"{name} is required"
            state[name] = {element["action_id"]: filled}
        shown = _shown(view) | {"state": {"values": state}}
        return "interactive", self._interactive("view_submission") | {"view": shown}

    def command(self, text: str, channel: str = "C0ALERTS", command: str = "/incident") -> Sent:
        """Type a slash command."""
        form = {
            "command": command,
            "text": text,
            "user_id": self.user,
            "user_name": self.name,
            "channel_id": channel,
            "channel_name": self.slack.workspace.channels.get(channel, "directmessage"),
            "team_id": TEAM["id"],
            "team_domain": TEAM["domain"],
            "api_app_id": APP_ID,
            "trigger_id": self.slack.views.trigger(self.user),
            "response_url": self._response_url(),
            "token": "deprecated-verification-token",
            "is_enterprise_install": "false",
        }
        return "slash_commands", form

    def shortcut(self, callback_id: str) -> Sent:
        """Choose a global shortcut."""
        payload = self._interactive("shortcut") | {"callback_id": callback_id, "action_ts": "1.1"}
        return "interactive", payload

    def message_shortcut(self, callback_id: str, channel: str, ts: str, text: str) -> Sent:
        """Choose a shortcut in the menu of somebody's message."""
        payload = self._interactive("message_action") | {
            "callback_id": callback_id,
            "channel": {"id": channel, "name": self.slack.workspace.channels[channel]},
            "message": {"type": "message", "user": "U9", "ts": ts, "text": text},
            "message_ts": ts,
            "response_url": self._response_url(),
        }
        return "interactive", payload

    def open_home(self) -> Sent:
        """Open the App Home."""
        event = {"type": "app_home_opened", "user": self.user, "channel": "D1", "tab": "home"}
        payload = {
            "type": "event_callback",
            "team_id": TEAM["id"],
            "api_app_id": APP_ID,
            "event": {**event, "event_ts": "1.2"},
            "event_id": f"Ev{next(_serials)}",
            "event_time": int(self.slack.wall()),
        }
        return "events_api", payload

    def _interactive(self, kind: str) -> Json:
        return {
            "type": kind,
            "user": {
                "id": self.user,
                "username": self.name,
                "name": self.name,
                "team_id": TEAM["id"],
            },
            "api_app_id": APP_ID,
            "token": "deprecated-verification-token",
            "team": TEAM,
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self.slack.views.trigger(self.user),
        }

    def _response_url(self) -> str:
        return f"{self.slack.control_url}/actions/{TEAM['id']}/c{next(_serials)}"

    def _action(self, block: Json, element: Json, option: str) -> Json:
        action: Json = {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": f"{self.slack.wall():.6f}",
        }
        if element["type"] == "overflow":
            chosen = [one for one in element["options"] if one["value"].startswith(option)]
            assert len(chosen) == 1, (option, element["options"])
            action["selected_option"] = chosen[0]
        elif "value" in element:
            action["value"] = element["value"]
        return action


def _elements(view: Json) -> list[tuple[Json, Json]]:
    found = []
    for block in view["blocks"]:
        if "accessory" in block:
            found.append((block, block["accessory"]))
        if block["type"] == "actions":
            found += [(block, element) for element in block["elements"]]
    return found


def _shown(view: Json) -> Json:
    shown = {key: value for key, value in view.items() if key not in ("user", "errors")}
    return {"state": {"values": {}}, **shown}


def _fill(element: Json, given: str | int | None) -> Json:
    """Return the state of one element, filled as a person can fill it."""
    filled: Json = {"type": element["type"]}
    match element["type"]:
        case "plain_text_input":
            value = element.get("initial_value") if given is None else str(given)
            assert len(value or "") <= element.get("max_length", 3000), "the client cuts it there"
            assert element.get("multiline") or "\n" not in (value or "")
            filled["value"] = value
        case "users_select":
            filled["selected_user"] = given or element.get("initial_user")
        case "datetimepicker":
            filled["selected_date_time"] = given or element.get("initial_date_time")
        case "multi_static_select":
            wanted = str(given).splitlines() if given is not None else None
            options = [one for one in element["options"] if one["value"] in (wanted or ())]
            assert wanted is None or len(options) == len(wanted), (given, element["options"])
            filled["selected_options"] = (
                element.get("initial_options", []) if wanted is None else options
            )
        case "static_select":
            options = [one for one in element["options"] if one["value"] == given]
            assert given is None or options, (given, element["options"])
            filled["selected_option"] = options[0] if options else element.get("initial_option")
    return filled
