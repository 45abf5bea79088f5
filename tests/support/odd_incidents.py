"""Incidents at the edge of what Slack takes."""

import os

from hypothesis import strategies as st

from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Deadline, Unreached

TIMES = int(os.environ.get("SLACK_LIMITS_TIMES", "1"))
"""More examples for a proof than for a test run."""


NASTY = ["<!channel>", "<@U1>", "<https://evil.example|x>", "&amp;", "`*_~", "\u202e", "\x00", "😀"]


TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(NASTY),
    st.builds(
        lambda part, times: part * times,
        st.sampled_from([*NASTY, "A", "&<>"]),
        st.integers(1, 3000),
    ),
)


LABELS = st.dictionaries(
    st.sampled_from(["alertname", "service", "instance", "cluster", "severity", "pod"]), TEXT
)


NOTES = st.dictionaries(st.sampled_from(["summary", "description", "message"]), TEXT)


ALERTS = st.builds(
    Alert,
    fingerprint=st.uuids().map(str),
    labels=LABELS,
    annotations=NOTES,
    starts_at=st.integers(0, 4_000_000_000_000),
    resolved=st.booleans(),
    generator_url=st.one_of(TEXT, st.just("https://prometheus.example/graph")),
    priority=st.sampled_from(["P1", "P2", "P3", "P4"]),
)


INCIDENTS = st.builds(
    Incident,
    id=st.just("0-aaaaaaaaaaaaaaaa-1"),
    group=st.builds(Group, cluster=TEXT, receiver=TEXT, group_key=TEXT),
    state=st.sampled_from(["triggered", "acknowledged", "snoozed", "resolved"]),
    snoozed_until=st.integers(0, 4_000_000_000_000),
    assigned_to=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("api"))),
    flapping=st.booleans(),
    unreached=st.one_of(
        st.none(),
        st.builds(Unreached, since=st.just(1), why=TEXT, until=st.sampled_from([0, 90_000])),
    ),
    stale_at=st.integers(0, 1),
    merged_into=st.sampled_from(["", "", "0-bbbbbbbbbbbbbbbb-1"]),
    episode=st.integers(0, 99),
    version=st.integers(1, 10**6),
    priority=st.sampled_from(["P1", "P4"]),
    priority_reason=TEXT,
    title=TEXT,
    runbook_url=st.one_of(TEXT, st.just("https://wiki.example/" + "r" * 2900)),
    alerts=st.lists(ALERTS, max_size=8).map(lambda found: {a.fingerprint: a for a in found}),
    episode_opened_at=st.integers(0, 4_000_000_000_000),
    acknowledged_at=st.integers(0, 4_000_000_000_000),
    acknowledged_by=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("slack"))),
    resolved_at=st.integers(0, 4_000_000_000_000),
    resolved_by=st.one_of(st.none(), st.builds(Actor, name=TEXT, via=st.just("api"))),
    deadlines=st.one_of(
        st.just({}),
        st.builds(
            lambda due, missed: {
                "acknowledge": Deadline(due=due, missed_at=missed),
                "resolve": Deadline(due=due, missed_at=missed),
            },
            st.integers(0, 4_000_000_000_000),
            st.integers(0, 4_000_000_000_000),
        ),
    ),
)
