"""A glance drops nothing that would have been kept, and most of what would not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.store.lists.glance import glance_for
from receiver.store.lists.query import OUTCOMES, Query
from receiver.store.records.record import decode_incident, encode_incident
from routing.incident import Incident
from routing.incident_parts import Actor, ClockEnd
from routing.matcher import parse_matchers
from tests.support.builders import NOW, alert, play, received, rules

RULES = rules()
WORDS = ("db", "web", "Straße", "İstanbul", 'quo"te', "a=b", "disk", "")


def opened(*labels: dict[str, str], **more: Any) -> Incident:
    alerts = [
        alert(str(n), labels=one, annotations={"summary": one.get("job", "")})
        for n, one in enumerate(labels)
    ]
    incident, _ = play((0, received(*alerts)), found=RULES)
    return msgspec.structs.replace(incident, **more)


labels = st.dictionaries(
    st.sampled_from(("job", "host", "service", "env")), st.sampled_from(WORDS[:-1]), max_size=4
)
people = st.sampled_from((None, Actor("Ann", "api"), Actor("bot", "api", human=False)))
times = st.sampled_from((0, NOW, NOW + 5_000))
incidents = st.builds(
    lambda many, **more: opened(*many, **more),
    st.lists(labels, min_size=1, max_size=5) | st.just([{"job": "db"}] * 70),
    team=st.sampled_from(("", "payments")),
    runbook_url=st.sampled_from(("", "https://wiki.example/Disk")),
    state=st.sampled_from(("triggered", "acknowledged", "resolved", "damaged")),
    acknowledged_by=people,
    acknowledged_at=times,
    resolved_by=people,
    resolved_at=times,
    episode=st.sampled_from((0, 2)),
    step=st.sampled_from((-1, 0, 3)),
    clock_ends=st.sampled_from(((), (ClockEnd(0, "resolve", "P1", NOW, NOW, "missed"),))),
)
queries = st.builds(
    Query,
    state=st.just("all"),
    team=st.sampled_from(("", "payments", "none")),
    service=st.sampled_from(WORDS),
    text=st.sampled_from((*WORDS, "job=db", "JOB=DB", "strasse", "i\u0307stanbul", "straße", "0-")),
    person=st.sampled_from(("", "ANN", "bot", "eve")),
    runbook=st.sampled_from(("", "DISK", "none")),
    outcome=st.sampled_from(("", *OUTCOMES)),
    matchers=st.sampled_from(
        ((), *map(parse_matchers, ("job=db", 'env=~".+"', 'host!="web"', 'host="quo\\"te",job=""')))
    ),
    priorities=st.sampled_from(((), ("P1",), ("P4",))),
    time=st.sampled_from(("opened", "acknowledged", "ended")),
    after=times,
    before=st.sampled_from((0, NOW + 1)),
)


@given(incidents, queries)
def test_what_is_kept_is_let_through(incident: Incident, query: Query) -> None:
    record = encode_incident(incident)
    glance = glance_for(query)
    if glance is not None and query.keeps(decode_incident(record)):
        assert glance(record)


@pytest.mark.parametrize(
    "query",
    [
        Query(text="nothing-fits"),
        Query(text="job=nothing"),
        Query(matchers=parse_matchers("job=web")),
        Query(matchers=parse_matchers('host=~"x.*"')),
        Query(service="checkout"),
        Query(team="nobody"),
        Query(person="eve"),
        Query(runbook="none"),
        Query(outcome="answered"),
        Query(since="x", after=NOW + 1),
        Query(until="x", before=NOW),
    ],
)
def test_what_does_not_fit_is_passed_over(query: Query) -> None:
    incident = opened({"job": "db", "host": "a"}, {"job": "db", "host": "b"})
    glance = glance_for(query)
    assert glance is not None
    assert not glance(encode_incident(incident))


@pytest.mark.parametrize("raw", [b"", b"0" * 16, b"0" * 16 + b"{", b"0" * 16 + b'{"state":1}'])
def test_what_cannot_be_read_is_let_through_to_be_looked_at(raw: bytes) -> None:
    glance = glance_for(Query(since="x", after=NOW))
    assert glance is not None
    assert glance(raw)


def test_a_list_without_filters_reads_everything() -> None:
    assert glance_for(Query(state="all", priorities=("P1",))) is None
