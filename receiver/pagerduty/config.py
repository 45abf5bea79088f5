"""The configuration of PagerDuty."""

from receiver.config_types import BareUrl
from routing.config.base import OptionalPolicyId, OptionalRoutingKey, OptionalSecret, Section


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
