"""The settings as frozen values. ``receiver.settings.load`` makes and checks them.

Secrets are SecretStr and never printed. In a configuration every secret ``x`` may be given as
``x_file`` instead; the loader reads the file, so the models know only ``x``.
"""

from pydantic import Field

from receiver.alertmanager.config import AlertmanagerConfig
from receiver.audit.config import AuditConfig
from receiver.enrichment.config import EnrichmentConfig
from receiver.http.config import WebConfig
from receiver.notify.config import BudgetsConfig, IntegrationsConfig
from receiver.observability.config import LogConfig, ObservabilityConfig
from receiver.observability.tracing_config import TracingConfig
from receiver.outgoing_heartbeat.config import OutgoingHeartbeatConfig
from receiver.pagerduty.config import PagerDutyConfig
from receiver.people.config import People
from receiver.review.config import ReviewConfig
from receiver.settings.notifiers import AnyNotifier
from receiver.slack.config import SlackConfig
from receiver.slack.permission_config import Permissions
from receiver.store.config import RedisConfig, StorageConfig
from receiver.web.status_page.config import StatusPageConfig
from routing.config.base import (
    ClassifyConfig,
    HeartbeatConfig,
    IncidentsConfig,
    LinksConfig,
    Name,
    RunbooksConfig,
    Section,
)
from routing.config.calendar import CalendarConfig
from routing.config.response import EscalationConfig, Priorities
from routing.config.route import RouteConfig


class Settings(Section):
    """Everything configured.

    From ``load_settings`` the sections ``notifiers``, ``escalations``, ``priorities`` and
    ``calendars`` are the effective ones: every notifier has its channel, token, routing key and
    base URL, policies name notifiers and no roles, every priority names its policy, every policy
    exists, and so does the calendar ``default``.
    """

    web: WebConfig = WebConfig()
    storage: StorageConfig = StorageConfig()
    redis: RedisConfig = RedisConfig()
    log: LogConfig = LogConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    tracing: TracingConfig = TracingConfig()
    audit: AuditConfig = AuditConfig()
    slack: SlackConfig = SlackConfig()
    permissions: Permissions = Field(default={})
    people: People = Field(default={})
    pagerduty: PagerDutyConfig = PagerDutyConfig()
    alertmanagers: tuple[AlertmanagerConfig, ...] = ()
    integrations: IntegrationsConfig = IntegrationsConfig.model_validate({})
    enrichment: EnrichmentConfig = EnrichmentConfig()
    outgoing_heartbeat: OutgoingHeartbeatConfig = OutgoingHeartbeatConfig()
    notifiers: dict[Name, AnyNotifier] = Field(default={})
    roles: dict[Name, tuple[Name, ...]] = Field(default={})
    route: RouteConfig = RouteConfig()
    classify: ClassifyConfig = ClassifyConfig()
    priorities: Priorities = Field(default={}, validate_default=True)
    escalations: dict[Name, EscalationConfig] = Field(default={})
    calendars: dict[Name, CalendarConfig] = Field(default={})
    budgets: BudgetsConfig = BudgetsConfig()
    heartbeats: dict[Name, HeartbeatConfig] = Field(default={})
    incidents: IncidentsConfig = IncidentsConfig()
    runbooks: RunbooksConfig = RunbooksConfig()
    links: LinksConfig = LinksConfig()
    review: ReviewConfig = ReviewConfig()
    status_page: StatusPageConfig = StatusPageConfig()
