"""The audit of a service that is not whole."""

from typing import Any

from receiver.audit.notes import Audit
from receiver.audit.trail import Trail
from receiver.store.audit.entries import AuditStore


def audit_of(store: Any, clock: Any) -> Audit:
    """Return an audit whose trail is in the Redis of ``store``."""
    return Audit(Trail(AuditStore(store.redis, len(store.keys)), clock.now))
