"""Who may do what: by user, by e-mail address, by user group, or by the channel they act in."""

from collections.abc import Mapping

from receiver.actions.registry import PERMISSIONS, REGISTRY
from receiver.slack.client.directory import SlackUsers, Unknown
from receiver.slack.interactions.payload import Interaction
from receiver.slack.mrkdwn import mrkdwn
from receiver.slack.permission_config import DEFAULT, PermissionConfig


class Permissions:
    """The configured permissions."""

    def __init__(self, configs: Mapping[str, PermissionConfig], users: SlackUsers) -> None:
        self._configs = configs
        self._users = users

    async def refusal(self, action: str, interaction: Interaction) -> str:
        """Return why somebody may not do this, in words for them (mrkdwn); "" when they may.

        What cannot be found out is refused: an unreachable Slack must not open a door.
        """
        config = self._configs.get(action) or self._configs.get(DEFAULT)
        if config is None or interaction.user_id in config.users:
            return ""
        if interaction.channel and interaction.channel in config.channels:
            return ""
        unknown = False
        for group in config.groups:
            try:
                if interaction.user_id in await self._users.members(group):
                    return ""
            except Unknown:
                unknown = True
        emails = [user.lower() for user in config.users if "@" in user]
        if emails:
            user = await self._users.user(interaction.user_id)
            if user.email.lower() in emails:
                return ""
            # Without a name nothing is known of them: Slack could not be asked.
            unknown = unknown or not user.name
        if unknown:
            return "Slack could not say just now whether you may do this: try again in a moment."
        what = PERMISSIONS.get(action) or REGISTRY[action].label.lower()
        return f"Sorry, you may not {what} here. {_who(config)}"


def _who(config: PermissionConfig) -> str:
    """Return who may instead; a mention in a private answer rings nobody."""
    people = [mrkdwn(user, 100) if "@" in user else f"<@{user}>" for user in config.users]
    groups = [f"<!subteam^{group}>" for group in config.groups]
    places = [f"<#{channel}>" for channel in config.channels]
    found = [*groups, *people][:10]
    parts = [f"Ask {', '.join(found)}." if found else ""]
    parts.append(f"It is done in {', '.join(places[:5])}." if places else "")
    return " ".join(part for part in parts if part) or "Nobody may, as it is configured."
