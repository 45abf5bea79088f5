"""The fields of a webhook body: their bounds, and how each text becomes a value of ours.

The fast and the lenient reading of a body share these functions, so that both make the same
alert of the same text; if they differed, an alert would change whenever its neighbour does.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from receiver.errors import PayloadError
from receiver.text.visible import clean_text
from routing.alert import Alert
from routing.fingerprint import MAX_LABEL
from routing.remembered import remembered

MAX_ANNOTATION = 16384
MAX_ENTRIES = 256
"""Labels, and annotations, of one alert."""
MAX_URL = 8192
MAX_FINGERPRINT = 64
MAX_TIME = 64
MAX_TRUNCATED = 1_000_000_000

DERIVED = "derived/"
"""What group keys begin with that were made here, since the sender gave none."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FAR_FUTURE = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
# A bare number between them (2001 to 5138) is seconds since the epoch, a larger one milliseconds.
_LEAST_SECONDS = 1_000_000_000
_MOST_SECONDS = 100_000_000_000


_QUOTED = re.compile(r"\\([\\.+*?()|\[\]{}^$])")


class JunkPayloadError(PayloadError):
    """The body is JSON, but not a webhook notification.

    Sending it again cannot help, so the answer is 2xx and the body goes to the dead letters;
    a plain ``PayloadError`` is answered 400. ``position`` is a path such as ``$.alerts``.
    """


class Rejected(msgspec.Struct, frozen=True):
    """An entry of ``alerts`` that could not be taken, or not all of it.

    ``index`` counts from 0 in the body's list. ``raw`` is the entry's JSON, in ASCII, cut to
    4096 bytes (``cut``). ``kept`` tells that the alert is among the payload's alerts, without the
    parts that ``reason`` names.
    """

    index: int
    reason: str
    raw: str
    kept: bool = False
    cut: bool = False


class Payload(msgspec.Struct, frozen=True):
    """One notification: a snapshot of a group of alerts.

    ``receiver`` is the name as configured in Alertmanager, not the quoted form it sends.
    ``group_key`` is opaque. ``truncated`` counts the alerts left out, by the sender or by our
    bound. ``source`` is ``alertmanager``, ``grafana`` or ``other``.
    """

    receiver: str
    group_key: str
    group_labels: dict[str, str]
    external_url: str
    truncated: int
    alerts: tuple[Alert, ...]
    rejected: tuple[Rejected, ...]
    source: str


@remembered  # the alerts of a group start together, and are told again
def epoch_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 text, or of a decimal number as a text.

    0 where there is none: Go's zero time in any zone, anything up to 1970, the year 9000 and
    later, and what is not a time. Digits after the millisecond are cut off, not rounded. A time
    without an offset is UTC. Never raises.
    """
    if text[4:5] != "-" or len(text) > MAX_TIME:
        return _number_ms(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text.strip().upper())
        except ValueError:
            return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    # A difference, for conversion to UTC overflows near the years 1 and 9999.
    ms = (when - _EPOCH) // _MILLISECOND
    return ms if 0 < ms < _FAR_FUTURE else 0


def _number_ms(text: str) -> int:
    try:
        number = float(text[:MAX_TIME])
    except ValueError:
        return 0
    if not _LEAST_SECONDS <= number < _FAR_FUTURE:  # true for NaN
        return 0
    return int(number * 1000) if number < _MOST_SECONDS else int(number)


@remembered  # all alerts of a rule have the same one
def http_url(text: str) -> str:
    """Return the text if it is an http(s) URL that may become a link, else ``""``."""
    if not text[:8].lower().startswith(("http://", "https://")) or len(text) > MAX_URL:
        return ""
    return text if text.isprintable() and " " not in text else ""


@remembered  # receivers are few, and every webhook names one
def unquote_receiver(text: str) -> str:
    r"""Undo Go's ``regexp.QuoteMeta``: ``web\.hook`` is the receiver ``web.hook``."""
    return _QUOTED.sub(r"\1", text) if "\\" in text else text


def bounded_fingerprint(text: str) -> str:
    """Return a sender's fingerprint; one over the bound is replaced by its SHA-256 in hex."""
    text = clean_text(text, len(text) + 1)
    return text if len(text) <= MAX_FINGERPRINT else hashlib.sha256(text.encode()).hexdigest()


def bounded_key(text: str) -> str:
    """Return a group key as it is; of one over the bound, the beginning and a hash of it all."""
    text = clean_text(text, len(text) + 1)
    if len(text) <= MAX_LABEL:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: MAX_LABEL - 80]}…sha256:{digest}"


def derived_group_key(
    receiver: str,
    group_labels: Mapping[str, str],
    common_labels: Mapping[str, str],
    alerts: Sequence[Alert],
) -> str:
    """Make a group key where the sender gives none; the same for a group's firing and resolve.

    The group labels, if there are any, are the group. Labels that are merely common to the
    alerts are not: they change when an alert joins or leaves, and the resolve would miss its
    incident. So, in this order: the alertname all alerts share (several instances become one
    incident, as with Alertmanager's usual ``group_by: [alertname]``); the labels of the alert,
    if there is only one; the receiver alone.
    """
    if group_labels:
        return _labels_key(receiver, group_labels.items())
    names = {alert.labels.get("alertname", "") for alert in alerts} or {""}
    name = names.pop() if len(names) == 1 else ""
    if name := name or common_labels.get("alertname", ""):
        return _labels_key(receiver, [("alertname", name)])
    if len({alert.fingerprint for alert in alerts}) == 1:
        return _labels_key(receiver, alerts[0].labels.items())
    return _labels_key(receiver, [])


def _labels_key(receiver: str, labels: Iterable[tuple[str, str]]) -> str:
    # The form of Alertmanager's own keys; the prefix keeps the two from ever being equal.
    pairs = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels)
    )
    return bounded_key(f"{DERIVED}{receiver}:{{{pairs}}}")
