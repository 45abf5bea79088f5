"""The configuration of PagerDuty."""

from collections.abc import Iterator
from typing import Literal, Self

from receiver.config.types import BareUrl
from receiver.notify.config import NotifierConfig
from routing.config.base import (
    OptionalPolicyId,
    OptionalRoutingKey,
    OptionalSecret,
    Section,
    Url,
)


class PagerDutyConfig(Section):
    """PagerDuty: the defaults of all notifiers of this type, its webhooks and its REST API.

    ``escalation_policy`` is the one behind ``routing_key``. While a new webhook secret replaces an
    old one, both count.
    """

    routing_key: OptionalRoutingKey = None
    base_url: BareUrl = "https://events.pagerduty.com"
    webhook_secret: OptionalSecret = None
    webhook_secret_previous: OptionalSecret = None
    rest_token: OptionalSecret = None
    rest_url: BareUrl = "https://api.pagerduty.com"
    escalation_policy: OptionalPolicyId = None


class PagerDutyNotifierConfig(NotifierConfig):
    """A service of PagerDuty; what is left out comes from the section ``pagerduty``.

    ``escalation_policy`` is PagerDuty's, the one behind the routing key.
    """

    type: Literal["pagerduty"] = "pagerduty"
    routing_key: OptionalRoutingKey = None
    base_url: Url | None = None
    escalation_policy: OptionalPolicyId = None

    def filled(self, section: PagerDutyConfig) -> Self:
        """Return it with what it takes from its section."""
        own = None if self.base_url is None else self.base_url.rstrip("/")
        # Behind another routing key there is another service, with a policy of its own.
        policy = None if self.routing_key else section.escalation_policy
        update = {
            "routing_key": self.routing_key or section.routing_key,
            "base_url": own or section.base_url,
            "escalation_policy": self.escalation_policy or policy,
        }
        return self.model_copy(update=update)

    def lacks(self) -> Iterator[str]:
        """Yield what it cannot do without."""
        if self.routing_key is None:
            where = "pagerduty.routing_key or its own routing_key"
            yield f"a pagerduty notifier without a routing key: set {where}"
