"""Who may do what in Slack, and what is said to whoever may not."""

from typing import Any

import pytest

from receiver.slack.client.directory import Unknown, User
from receiver.slack.interactions.payload import Interaction
from receiver.slack.interactions.permissions import Permissions
from receiver.slack.permission_config import PermissionConfig


class Directory:
    """Slack, as far as it can be asked."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    async def user(self, user_id: str) -> User:
        if self.away:
            return User(user_id)
        return User(user_id, name="Ann", email=f"{user_id.lower()}@example.com")

    async def members(self, group: str) -> frozenset[str]:
        if self.away:
            raise Unknown(group)
        return frozenset({"U3"})


async def refusal(action: str, config: dict[str, Any], user: str = "U1", **more: Any) -> str:
    users: Any = Directory(**more)
    permissions = Permissions(
        {name: PermissionConfig.model_validate(one) for name, one in config.items()}, users
    )
    return await permissions.refusal(
        action, Interaction(user_id=user, user_name=user, channel="C1")
    )


@pytest.mark.parametrize("user", ["u1@example.com", "U1@Example.com"])
async def test_an_address_is_a_permission_in_any_case(user: str) -> None:
    assert await refusal("resolve", {"resolve": {"users": [user]}}) == ""


async def test_an_address_is_named_to_whoever_may_not() -> None:
    said = await refusal("resolve", {"resolve": {"users": ["bob@example.com"]}})
    assert said == "Sorry, you may not resolve incidents here. Ask bob@example.com."


@pytest.mark.parametrize("rule", [{"users": ["u1@example.com"]}, {"groups": ["S0SRE"]}])
async def test_what_slack_cannot_say_now_is_not_known(rule: dict[str, Any]) -> None:
    said = await refusal("resolve", {"resolve": rule}, away=True)
    assert said.startswith("Slack could not say just now")


async def test_who_is_named_by_id_needs_no_slack() -> None:
    assert await refusal("resolve", {"resolve": {"users": ["U1"]}}, away=True) == ""


async def test_the_default_refuses_what_no_permission_names() -> None:
    said = await refusal("forget", {"default": {"users": ["U2"]}})
    assert said.startswith("Sorry, you may not forget")
    assert said.endswith("here. Ask <@U2>.")


async def test_nobody_is_nobody() -> None:
    said = await refusal("silence", {"silence": {"nobody": True}})
    assert said.endswith("Nobody may, as it is configured.")
