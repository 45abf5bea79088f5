"""What Slack says of somebody who pressed, chose, typed or opened something.

docs.slack.dev, "Interaction payloads" and "Implementing slash commands". Whatever is not of the
expected type is a ValueError: no field is believed to be there.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from receiver.slack.client.directory import ID_MAX, first_seen, is_user
from routing.incident_parts import Actor

Json = Mapping[str, Any]


class Interaction(msgspec.Struct, frozen=True):
    """Who asked, from where, and how to answer.

    ``moment`` tells this press from any other; ``trigger_id`` opens one window within 3 s;
    ``response_url`` takes a private answer; ``view_id`` is the window it came from, ``home`` says
    that it was the App Home.
    """

    user_id: str
    user_name: str
    channel: str = ""
    trigger_id: str = ""
    response_url: str = ""
    view_id: str = ""
    home: bool = False
    moment: str = ""

    @property
    def actor(self) -> Actor:
        """Return who did it, as the timeline keeps it."""
        return Actor(self.user_name, "slack", self.user_id)

    def event_id(self, incident: str, verb: str, filled: str = "") -> str:
        """Return the id by which a request that is sent again counts once, "" where there is none.

        ``filled``: what tells one filled window from the same one filled otherwise.
        """
        more = f":{filled}" if filled else ""
        moment = self.moment
        return f"slack:{incident}:{verb}:{self.user_id}:{moment}{more}" if moment else ""


def read_interaction(payload: Json) -> Interaction:
    """Return who sent an interactive payload; ValueError when it names nobody."""
    user, view = table(payload, "user"), table(payload, "view")
    channel = name_of(table(payload, "channel"), "id") or name_of(
        table(payload, "container"), "channel_id"
    )
    return Interaction(
        user_id=_user(user),
        user_name=_name(user),
        channel=channel,
        trigger_id=name_of(payload, "trigger_id"),
        response_url=name_of(payload, "response_url"),
        view_id=name_of(view, "id") if text(view, "type") == "modal" else "",
        home=text(view, "type") == "home",
        moment=name_of(payload, "trigger_id"),
    )


def read_command(form: Json) -> Interaction:
    """Return who sent a slash command; ValueError when it names nobody."""
    return Interaction(
        user_id=_user({"id": form.get("user_id")}),
        user_name=_name({"name": form.get("user_name"), "id": form.get("user_id")}),
        channel=name_of(form, "channel_id"),
        trigger_id=name_of(form, "trigger_id"),
        response_url=name_of(form, "response_url"),
        moment=name_of(form, "trigger_id"),
    )


def name_of(holder: Json, name: str) -> str:
    """Return a text that names a thing, "" when it has none, or one that can name nothing."""
    found = text(holder, name)
    # It becomes part of what is stored: without bytes it would cost a whole batch its commit.
    return found if len(found) <= ID_MAX and found.isascii() and found.isprintable() else ""


def user_of(holder: Json, name: str) -> str:
    """Return the id of a user, "" when it has none."""
    found = text(holder, name)
    return found if is_user(found) else ""


def text(holder: Json, name: str) -> str:
    """Return a text of an object, "" when it has none."""
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def table(holder: Json, name: str) -> Json:
    """Return an object of an object, an empty one when it has none."""
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _user(user: Json) -> str:
    found = user_of(user, "id")
    if not found:
        raise ValueError("nobody is named as the one who asked")
    return found


def _name(user: Json) -> str:
    return first_seen(text(user, key) for key in ("name", "username", "id"))


def read_values(view: Json) -> dict[str, str]:
    """Return what was filled into a window: block id -> text, id, or seconds since the epoch.

    Of several choices each has a line.
    """
    found = {}
    for block, elements in table(table(view, "state"), "values").items():
        for element in elements.values() if isinstance(elements, Mapping) else ():
            if isinstance(element, Mapping):
                found[str(block)] = _value(element)
    return found


def _value(element: Json) -> str:
    moment = element.get("selected_date_time")
    if isinstance(moment, int):
        return str(moment)
    chosen = element.get("selected_options")
    if isinstance(chosen, list):
        return "\n".join(text(one, "value") for one in chosen if isinstance(one, Mapping))
    return (
        text(element, "value")
        or text(element, "selected_user")
        or text(element, "selected_date")
        or text(table(element, "selected_option"), "value")
    )
