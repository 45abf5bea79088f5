"""What a decision adds to the response figures of its day, as fields of one hash.

A field is ``name|label|...``. What is told of each episode names priority, team, service and rule
together, so that any of them can be asked for with any other; of those fields there are at most as
many as there were episodes, however many values the labels have.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from receiver.store.response.spread import LAST, bucket_of
from routing.decision import Observation
from routing.incident import Incident

DAY_MS, SLOT_MS = 86_400_000, 900_000
SLOTS = DAY_MS // SLOT_MS
"""Quarters of an hour of a day: the hours of every time zone are made of them."""
VALUE_MAX = 100
"""Characters of a label that are kept."""
LOOKED_AT = 20
"""Alerts that are looked at for a label that the group does not have."""
_SUBJECT = ("priority", "team", "service", "rule")
LABELS: dict[str, tuple[str, ...]] = {
    "opened": _SUBJECT,
    "reopened": _SUBJECT,
    "escalation": _SUBJECT,
    "acknowledge": (*_SUBJECT, "by", "bucket"),
    "resolve": (*_SUBJECT, "by", "bucket"),
    "deadline": (*_SUBJECT, "clock", "outcome"),
    "hour": ("priority", "team", "slot"),
    "answer": ("priority", "team", "person", "slot"),
    "page": ("priority", "team", "notifier", "mention", "slot"),
}
"""Figure -> its labels. ``by``: human, automatic, or alone: ended by itself, and no person had
acknowledged it. ``hour``: openings and reopenings. A figure that is not listed is a newer
release's."""
OF_LOAD = ("hour|", "answer|", "page|")
"""How fields begin that name no service and no rule."""
ALONE = "alone"
_GREATEST = {"bucket": LAST, "slot": SLOTS - 1}
_DIGITS = 4
Key = tuple[str, ...]


def response_fields(
    incident: Incident, observations: Iterable[Observation], now: int
) -> Iterator[str]:
    """Yield the fields that observations of an incident add one to at ``now`` (ms)."""
    team, service, rule = map(_plain, subject_of(incident))
    slot = slot_of(now)
    for observation in observations:
        name, labels = observation.name, observation.labels
        if name not in _COUNTED:
            continue
        stem = f"{labels['priority']}|{team}|{service}|{rule}"
        short = f"{labels['priority']}|{team}"
        match name:
            case "incidents_total" | "incident_reopened_total":
                yield f"{_COUNTED[name]}|{stem}"
                yield f"hour|{short}|{slot}"
            case "incident_escalations_total":
                yield f"escalation|{stem}"
            case "incident_deadlines_total":
                yield f"deadline|{stem}|{labels['clock']}|{labels['outcome']}"
            case "incident_acknowledge_duration_seconds":
                yield f"acknowledge|{stem}|{labels['by']}|{bucket_of(observation.value)}"
                if observation.detail:
                    yield f"answer|{short}|{_plain(observation.detail)}|{slot}"
            case "incident_resolution_duration_seconds":
                by = labels["by"]
                if by == "automatic" and not observation.detail:
                    by = ALONE
                yield f"resolve|{stem}|{by}|{bucket_of(observation.value)}"
            case _:
                notifier = _plain(labels["notifier"])
                yield f"page|{short}|{notifier}|{_plain(observation.detail)}|{slot}"


_COUNTED = {
    "incidents_total": "opened",
    "incident_reopened_total": "reopened",
    "incident_escalations_total": "escalation",
    "incident_deadlines_total": "deadline",
    "incident_acknowledge_duration_seconds": "acknowledge",
    "incident_resolution_duration_seconds": "resolve",
    "incident_pages": "page",
}
"""Observation -> figure."""


def slot_of(now: int) -> int:
    """Return the quarter of an hour of its day (UTC) that a time (ms) is in."""
    return now % DAY_MS // SLOT_MS


def subject_of(incident: Incident) -> tuple[str, str, str]:
    """Return what an incident is of: team, service and rule, "" where it has none."""
    labels = incident.group.labels
    service = labels.get("service") or _label(incident, "service")
    return incident.team, service, labels.get("alertname") or _label(incident, "alertname")


def _label(incident: Incident, name: str) -> str:
    """Return a label of the first alert that has it."""
    for number, alert in enumerate(incident.alerts.values()):
        value = alert.labels.get(name)
        if value or number == LOOKED_AT:
            return value or ""
    return ""


def _plain(value: str) -> str:
    """Return a value as a field can hold it: cut, and without what separates or UTF-8 lacks."""
    text = value[:VALUE_MAX]
    if not text.isalnum():
        text = text.encode(errors="replace").decode().replace("%", "%25").replace("|", "%7C")
    return text


def read_field(field: bytes, raw: bytes) -> tuple[Key, int]:
    """Return the key and the number of a field; ValueError for what no release has written."""
    key = tuple(field.decode().split("|"))
    labels = LABELS.get(key[0])
    if labels is not None:
        if len(key) != len(labels) + 1:
            raise ValueError(key)
        greatest = _GREATEST.get(labels[-1])
        if greatest is not None and not _is_within(key[-1], greatest):
            raise ValueError(key)
        if b"%" in field:
            key = tuple(map(unquote, key))
    number = int(raw)
    if number < 0:
        raise ValueError(raw)
    return key, number


def _is_within(text: str, greatest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= greatest
