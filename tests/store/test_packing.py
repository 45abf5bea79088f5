"""Packing is lossless for any group of alerts."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.store.records.packing import pack_alerts, unpack_alerts
from receiver.store.records.record import decode_incident, encode_incident
from routing.alert import Alert
from routing.incident import SCHEMA, Incident
from tests.support.builders import GROUP, NOW

SMALL = st.sampled_from(["", "a", "b", "c"])
ALERT = st.builds(
    Alert,
    fingerprint=st.just(""),
    labels=st.dictionaries(SMALL, SMALL),
    annotations=st.dictionaries(SMALL, SMALL),
    starts_at=st.integers(0, 2),
    resolved=st.booleans(),
    generator_url=SMALL,
    priority=st.sampled_from(["P1", "P4"]),
    priority_reason=SMALL,
    runbook_url=SMALL,
    runbook_source=SMALL,
    source_group=SMALL,
)
ALERTS = st.dictionaries(st.sampled_from(["f1", "f2", "f3"]), ALERT)


def _incident(found: dict[str, Alert]) -> Incident:
    alerts = {key: msgspec.structs.replace(alert, fingerprint=key) for key, alert in found.items()}
    return Incident(
        id="0-aaaaaaaaaaaaaaaa-1",
        group=GROUP,
        state="triggered",
        opened_at=1,
        schema=SCHEMA,
        alerts=alerts,
    )


@settings(max_examples=300, deadline=None)
@given(ALERTS)
def test_what_was_packed_is_unpacked_as_it_was(found: dict[str, Alert]) -> None:
    incident = _incident(found)
    assert unpack_alerts(pack_alerts(incident)) == incident
    assert decode_incident(encode_incident(incident)) == incident


def test_shared_text_is_written_once() -> None:
    notes = {"description": "long text " * 40}
    labels = {"alertname": "A", "service": "checkout"}
    found = {
        f"{number:016x}": Alert("", {**labels, "instance": str(number)}, notes)
        for number in range(20)
    }
    incident = msgspec.structs.replace(_incident(found), opened_at=NOW)
    assert len(encode_incident(incident)) * 5 < len(msgspec.json.encode(incident))
