"""Packing is lossless for any group of alerts."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.store.packing import pack_alerts, unpack_alerts
from receiver.store.record import decode_incident, encode_incident
from routing.alert import Alert
from routing.incident import Incident
from tests.unit.builders import GROUP, NOW

SMALL = st.sampled_from(["", "a", "b", "c"])
ALERTS = st.dictionaries(
    st.sampled_from(["f1", "f2", "f3"]),
    st.tuples(st.dictionaries(SMALL, SMALL), st.dictionaries(SMALL, SMALL)),
)


def _incident(maps: dict[str, tuple[dict[str, str], dict[str, str]]]) -> Incident:
    alerts = {key: Alert(key, labels, notes) for key, (labels, notes) in maps.items()}
    return Incident(id="0-aaaaaaaaaaaaaaaa-1", group=GROUP, state="triggered", alerts=alerts)


@settings(max_examples=300, deadline=None)
@given(ALERTS)
def test_what_was_packed_is_unpacked_as_it_was(
    maps: dict[str, tuple[dict[str, str], dict[str, str]]],
) -> None:
    incident = _incident(maps)
    assert unpack_alerts(pack_alerts(incident)) == incident
    assert decode_incident(encode_incident(incident)) == incident


def test_shared_text_is_written_once() -> None:
    notes = {"description": "long text " * 40}
    labels = {"alertname": "A", "service": "checkout"}
    maps = {f"{number:016x}": ({**labels, "instance": str(number)}, notes) for number in range(20)}
    incident = msgspec.structs.replace(_incident(maps), opened_at=NOW)
    assert len(encode_incident(incident)) * 3 < len(msgspec.json.encode(incident))
