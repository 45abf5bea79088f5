"""The configuration of Slack."""

import re
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import SecretStr, field_validator

from receiver.config.types import SlackUrl
from receiver.notify.config import NotifierConfig
from routing.config.base import OptionalChannel, OptionalSecret, Section, Url


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


class SlackNotifierConfig(NotifierConfig):
    """A channel of Slack; what is left out comes from the section ``slack``."""

    type: Literal["slack"] = "slack"
    channel: OptionalChannel = None
    token: OptionalSecret = None
    base_url: Url | None = None

    def filled(self, section: SlackConfig) -> Self:
        """Return it with what it takes from its section."""
        own = None if self.base_url is None else self.base_url.rstrip("/") + "/"
        update = {
            "token": self.token or section.token,
            "channel": self.channel or section.channel,
            "base_url": own or section.base_url,
        }
        return self.model_copy(update=update)

    def lacks(self) -> Iterator[str]:
        """Yield what it cannot do without."""
        if self.token is None:
            yield "a slack notifier without a token: set slack.token or its own token"
        if self.channel is None:
            yield "a slack notifier without a channel: set channel here or in slack"
