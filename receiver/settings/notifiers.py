"""The kinds of notifiers there are: a new one is added here."""

from typing import Annotated

from pydantic import Field

from receiver.notify.config import LogNotifierConfig
from receiver.pagerduty.config import PagerDutyNotifierConfig
from receiver.slack.config import SlackNotifierConfig

AnyNotifier = Annotated[
    SlackNotifierConfig | PagerDutyNotifierConfig | LogNotifierConfig, Field(discriminator="type")
]
