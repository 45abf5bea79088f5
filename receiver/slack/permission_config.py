"""Who may do what in Slack, as it is configured: by action, users, user groups and channels."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from receiver.actions.registry import PERMISSIONS
from receiver.text.ids import is_user_id
from routing.config.base import Section

DEFAULT = "default"
_GROUP_ID = re.compile(r"S[A-Z0-9]{2,20}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{2,20}")


def _user(value: str) -> str:
    if not is_user_id(value) and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        # A display name would silently match nobody.
        raise ValueError("neither a Slack user id such as U0123ABCD nor an e-mail address")
    return value


def _group(value: str) -> str:
    if not _GROUP_ID.fullmatch(value):
        raise ValueError("not the id of a Slack user group such as S0123ABCD")
    return value


def _channel(value: str) -> str:
    if not _CHANNEL_ID.fullmatch(value):
        raise ValueError("not the id of a Slack channel such as C0123ABCD")
    return value


def _action(value: Any) -> Any:
    if value not in PERMISSIONS and value != DEFAULT:
        allowed = ", ".join([*PERMISSIONS, DEFAULT])
        raise ValueError(f"no action of that name; allowed: {allowed}")
    return value


class PermissionConfig(Section):
    """Who may do one thing: a listed user, a member of a listed group, or anybody in a channel.

    ``nobody`` has to be said: lists that are all empty are more likely a mistake.
    """

    users: tuple[Annotated[str, AfterValidator(_user)], ...] = ()
    groups: tuple[Annotated[str, AfterValidator(_group)], ...] = ()
    channels: tuple[Annotated[str, AfterValidator(_channel)], ...] = ()
    nobody: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        anybody = bool(self.users or self.groups or self.channels)
        if anybody == self.nobody:
            raise ValueError("needs users, groups or channels; or else write `nobody: true`")
        return self


Permissions = dict[Annotated[str, BeforeValidator(_action)], PermissionConfig]
