"""A glance at a record: whether it may belong to a list, at a fifth of the work of reading it.

Of a long history a search keeps little. What this drops would have been dropped by ``Query.keeps``;
what it lets through is read whole and judged by that, as is whatever it makes no sense of.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from receiver.store.keys import VERSION_DIGITS
from receiver.store.lists.head import Head
from receiver.store.lists.query import UNREAD_STATES, Query
from receiver.store.records.packing import MODEL
from routing.incident import COMPLETE_KEPT, SCHEMA

Glance = Callable[[bytes], bool]


class _Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    fingerprint: str = ""


class _Whole(Head):
    """What a record says with the labels of its group and alerts."""

    group: _Labelled = _Labelled()
    alerts: dict[str, _Labelled] = msgspec.field(default_factory=dict)


_head = msgspec.json.Decoder(Head)
_whole = msgspec.json.Decoder(_Whole)


def glance_for(query: Query) -> Glance | None:
    """Return what drops records of a list without reading them; None where nothing would be."""
    if not query.filters:
        return None
    labelled = bool(query.matchers or query.service)
    headed = labelled or _asks_head(query)
    exact = _exact(query)
    folded = [part for text in (query.text, query.person, query.runbook) for part in _folded(text)]

    def may_fit(record: bytes) -> bool:
        for needle in exact:
            if needle not in record:
                return False
        if folded and record.isascii():
            lowered = record.lower()
            for needle in folded:
                if needle not in lowered:
                    return False
        return not headed or _suits(query, record, labelled=labelled)

    return may_fit


def _exact(query: Query) -> list[bytes]:
    """Return what the bytes of each record of a list have: values asked for as they are."""
    equal = [one.value for one in query.matchers if one.operator == "="]
    return [
        f'"{value}"'.encode()
        for value in (query.team, query.service, *equal)
        if value and json.dumps(value, ensure_ascii=False) == f'"{value}"' and _is_text(value)
    ]


def _is_text(value: str) -> bool:
    return value.isascii() or value.encode(errors="replace").decode() == value


def _asks_head(query: Query) -> bool:
    named = query.team or query.person or query.runbook or query.outcome
    return bool(named or query.priorities or query.after or query.before)


def _suits(query: Query, record: bytes, *, labelled: bool) -> bool:
    try:
        found: Any = (_whole if labelled else _head).decode(memoryview(record)[VERSION_DIGITS:])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return True
    if found.schema != SCHEMA or found.state in UNREAD_STATES:
        return True
    if not query.suits(found):
        return False
    return not labelled or _suits_labels(query, found)


def _suits_labels(query: Query, found: _Whole) -> bool:
    if len(found.alerts) > COMPLETE_KEPT:
        # Some of them have no labels any more, and no matcher asks for those.
        return True
    model = found.alerts.pop(MODEL, None)
    shared = model.labels if model else {}
    alerts = [
        one.labels if one.fingerprint or not model else shared | one.labels
        for one in found.alerts.values()
    ]
    return query.suits_labels(found.group.labels, alerts)


def _folded(text: str) -> list[bytes]:
    """Return what the bytes of a record have in lower case wherever it says a text.

    A label is searched as ``name=value``, and stored as two texts of JSON. Nothing where the record
    may have a letter in another form.
    """
    wanted = text.casefold()
    if not wanted.isascii() or json.dumps(wanted) != f'"{wanted}"':
        return []
    return [part.encode() for part in wanted.split("=") if part]
