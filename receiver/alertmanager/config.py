"""The configuration of the Alertmanagers that are asked."""

from typing import Self

from pydantic import Field, model_validator

from receiver.config.types import BareUrl
from receiver.http.config import check_credentials
from routing.config.base import Duration, OptionalSecret, OptionalText, Section, Text


class AlertmanagerConfig(Section):
    """The peers of one Alertmanager cluster, to be asked what became of its alerts.

    ``cluster`` is that of the credential or URL parameter its webhooks come with. ``warm_up`` (ms):
    for so long after its start an Alertmanager need not have heard of every alert again.
    """

    cluster: Text = ""
    urls: tuple[BareUrl, ...] = Field(min_length=1)
    token: OptionalSecret = None
    username: OptionalText = None
    password: OptionalSecret = None
    warm_up: Duration = 300_000

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        check_credentials(self.token, self.username, self.password, needed=False)
        return self
