"""What one page of metrics says of this service's health."""

import time
from collections.abc import Iterator

from receiver.cli.checks.finding import Finding, judged
from receiver.cli.checks.metrics_page import Page
from receiver.outgoing_heartbeat.self_checks import OVERDUE_MS
from receiver.text.units import counted, size, span

AREA = "service"
QUEUE_MAX = 1_000
"""Due entries of the agenda, as the rule ProcessingQueueBackedUp."""
DELAY_S = 30
POOL_SHARE = 0.9
SOON_S = 7 * 86_400


def from_page(page: Page, storage_limit: int) -> list[Finding]:
    """Return the findings that the metrics give."""
    found = [Finding(AREA, "metrics", "ok", f"{page.series} series")]
    for make in (_intake, _agenda, _queue, _delivery, _pool, _reload, _memory):
        finding = make(page)
        if finding is not None:
            found.append(finding)
    found += _certificates(page)
    used = page.value("incident_manager_storage_used_bytes")
    if used is not None:
        found.append(
            judged(
                AREA,
                "storage",
                used,
                f"{size(used)} used by Redis",
                warn=storage_limit,
                limit=f"{size(storage_limit)} (--storage-limit)",
                advice="a shorter incidents.retention, or more memory",
            )
        )
    return found


def _intake(page: Page) -> Finding | None:
    name = "incident_manager_alerts_processed_total"
    total = page.value(name)
    if total is None:
        return None
    failed = page.value(name, result="failed") or 0
    last = page.value("llm_integration_last_request_timestamp", integration="alertmanager") or 0
    when = f"the last notification {span(time.time() - last)} ago" if last else "none came yet"
    return judged(
        AREA,
        "intake",
        failed / total if total else 0,
        f"{counted(total, 'alert')} since the start, {failed:.0f} failed; {when}",
        warn=0.01,
        fail=0.5,
        limit="1 % failed",
        advice="see the log for what could not be stored",
    )


def _agenda(page: Page) -> Finding | None:
    name = "incident_manager_agenda_delay_seconds"
    urgent, normal = page.value(name, lane="urgent"), page.value(name, lane="normal")
    if urgent is None or normal is None:
        return None
    return judged(
        AREA,
        "agenda",
        urgent if urgent > DELAY_S else min(normal, OVERDUE_MS / 1000),
        f"what is due has waited {span(urgent)} (urgent), {span(normal)} (normal)",
        warn=DELAY_S,
        fail=OVERDUE_MS / 1000,
        limit=f"{DELAY_S} s, urgent {OVERDUE_MS // 1000} s",
        advice="nobody works on the agenda, or too few: see the log, add replicas",
    )


def _queue(page: Page) -> Finding | None:
    due = page.value("incident_manager_processing_queue_size")
    if due is None:
        return None
    return judged(
        AREA,
        "queue",
        due,
        f"{counted(due, 'entry')} due",
        warn=QUEUE_MAX,
        limit=f"{QUEUE_MAX}",
        advice="runbook ProcessingQueueBackedUp",
    )


def _delivery(page: Page) -> Finding | None:
    """Pages of P1 and P2 that came later than their default ``deliver_within``."""
    name = "incident_delivery_lag_seconds"
    urgent = ("P1", "P2")
    total = sum(page.value(f"{name}_count", priority=one) or 0 for one in urgent)
    if not total:
        return Finding(AREA, "delivery", "ok", "no P1 or P2 was paged since the start")
    soon = sum(page.value(f"{name}_bucket", priority=one, le="60.0") or 0 for one in urgent)
    return judged(
        AREA,
        "delivery",
        1 - soon / total,
        f"{soon:.0f} of {total:.0f} pages of P1 and P2 were there within 60 s",
        warn=0.01,
        limit="99 %",
        advice="see which notifier is slow: GET /v1/metrics/integrations",
    )


def _pool(page: Page) -> Finding | None:
    name = "incident_manager_connection_pool_connections"
    used, most = page.value(name, state="in_use"), page.value(name, state="max")
    if used is None or not most:
        return None
    words = f"{used:.0f} of {most:.0f} connections to Redis in use"
    limit = f"{POOL_SHARE:.0%}"
    return judged(AREA, "connections", used / most, words, warn=POOL_SHARE, limit=limit)


def _reload(page: Page) -> Finding | None:
    ok = page.value("incident_manager_config_last_reload_successful")
    if ok is None:
        return None
    if ok:
        return Finding(AREA, "configuration", "ok", "loaded")
    words, advice = "the last reload failed; the old one is in use", "incident-manager check-config"
    return Finding(AREA, "configuration", "warning", words, advice=advice)


def _certificates(page: Page) -> Iterator[Finding]:
    """When those of our own ports expire; that it is soon is a problem of ``/health`` too."""
    for sample in page.samples("incident_manager_certificate_expiry_timestamp_seconds"):
        left = sample.value - time.time()
        words = f"expires in {span(left)}" if left > 0 else f"expired {span(-left)} ago"
        yield judged(
            AREA,
            f"certificate of the {sample.labels['port']}",
            -left,
            words,
            warn=-SOON_S,
            fail=0,
            limit=f"{span(SOON_S)} before",
            advice="renew it: the files are read again when they change",
        )


def _memory(page: Page) -> Finding | None:
    used = page.value("incident_manager_memory_usage_bytes")
    if used is None:
        return None
    return Finding(AREA, "memory", "ok", f"{size(used)} used by this process")
