"""The configuration of the audit trail."""

from typing import Annotated

from pydantic import AfterValidator, Field

from receiver.config.types import rare
from routing.config.base import Duration, OptionalSecret, OptionalText, Section, Url

DAY_MS = 86_400_000


class AuditConfig(Section):
    """How long entries are kept (ms) and how many at most, and where anchors of them go.

    Each ``anchor_every`` (ms, 0: never) the end of the trail is written to the log, to
    ``anchor_file`` and to ``anchor_url`` (with ``anchor_token``, where they are set).
    """

    retention: Annotated[Duration, Field(ge=DAY_MS)] = 365 * DAY_MS
    max_entries: Annotated[int, Field(ge=10_000, le=1_000_000_000)] = 10_000_000
    anchor_every: Annotated[Duration, AfterValidator(rare)] = 600_000
    anchor_file: OptionalText = None
    anchor_url: Url | None = None
    anchor_token: OptionalSecret = None
