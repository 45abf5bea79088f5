"""The configuration of Slack."""

import re

from pydantic import SecretStr, field_validator

from receiver.config_types import SlackUrl
from routing.config.base import OptionalChannel, OptionalSecret, Section


class SlackConfig(Section):
    """Slack: the defaults of all notifiers of this type, and how its requests come in.

    With ``app_token`` they come by Socket Mode, else over HTTP, signed with ``signing_secret``.
    ``command`` is the slash command's name.
    """

    token: OptionalSecret = None
    signing_secret: OptionalSecret = None
    base_url: SlackUrl = "https://slack.com/api/"
    channel: OptionalChannel = None
    app_token: OptionalSecret = None
    command: str = "/incident"

    @field_validator("app_token")
    @classmethod
    def _of_the_app(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("xapp-"):
            raise ValueError("not an app-level token: those begin with xapp-")
        return value

    @field_validator("command")
    @classmethod
    def _slash(cls, value: str) -> str:
        # docs.slack.dev, "Implementing slash commands": at most 32 characters.
        if not re.fullmatch(r"/[a-z0-9_-]{1,31}", value):
            raise ValueError("not a slash, then 1 to 31 small letters, digits, _ or - (/incident)")
        return value
