import re
import resource
import subprocess
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from receiver.observability.metrics import process
from receiver.observability.metrics import service as metric_families
from receiver.observability.metrics.accept import content_type_of
from receiver.observability.metrics.family import Across, Closed, counter, gauge, histogram
from receiver.observability.metrics.process import memory_usage
from receiver.observability.metrics.registry import Metrics
from receiver.observability.metrics.response import Configured
from receiver.observability.metrics.series import Bound
from receiver.observability.metrics.service import FIRST_LAGS, families
from receiver.observability.metrics.text import page as written
from routing.alert import PRIORITIES, SEVERITIES
from tests.support.patience import PATIENCE_S
from tests.support.tools import require_tool

ROUTES = (
    ("POST", "/v1/alerts/webhook"),
    ("GET", "/v1/incidents"),
    ("GET", "/v1/incidents/{id}"),
)

FAMILIES = families(Configured(ROUTES, ("slack",), ("db",), {}))

_UNIT = 'use base unit "seconds" instead of "milliseconds"'
_LATENCY = "llm_integration_latency_milliseconds"
ACCEPTED_COMPLAINTS: tuple[str, ...] = (
    f"{_LATENCY} {_UNIT}",
    f"{_LATENCY}_average {_UNIT}",
    f"{_LATENCY}_p95 {_UNIT}",
    f"{_LATENCY}_total {_UNIT}",
    f'{_LATENCY}_total non-counter metrics should not have "_total" suffix',
)
"""Lines of ``promtool check metrics`` that are accepted.

The names and labels of the metrics are given to us, and a given name that breaks promtool's rules
is listed here with the rule it breaks; anything else it says is to be put right.
"""

# Written out on purpose, and not taken from the code: these names, labels and bounds are what
# dashboards and rules elsewhere were written against.
REQUIRED = {
    "http_requests_total": {"method", "endpoint", "status"},
    "http_request_duration_seconds": {"method", "endpoint"},
    "incidents_total": {"severity", "type", "source"},
    "incidents_active": {"severity", "state"},
    "incident_resolution_duration_seconds": {"severity", "type"},
    "alerts_received_total": {"source", "severity", "type"},
    "alert_processing_duration_seconds": {"source"},
    "correlations_total": {"strategy", "result"},
    "correlation_duration_seconds": {"strategy"},
    "notifications_sent_total": {"channel", "status"},
    "notification_duration_seconds": {"channel"},
    "incident_manager_alerts_processed_total": set(),
    "incident_manager_processing_queue_size": set(),
    "incident_manager_memory_usage_bytes": set(),
    "incident_acknowledge_duration_seconds": {"severity", "priority", "team", "by"},
    "incident_escalations_total": {"priority", "step", "reason"},
    "incident_deadlines_total": {"priority", "clock", "outcome"},
    "incident_delivery_lag_seconds": {"channel", "priority"},
    "incident_undeliverable_total": {"priority"},
    "incident_runbooks_total": {"source"},
    "incident_manager_dead_letters_total": {"reason"},
    "incident_manager_folded_groups_total": set(),
    "incident_manager_agenda_entries": {"lane"},
    "incident_manager_agenda_put_off_entries": set(),
    "incident_manager_clock_offset_seconds": {"clock"},
    "incident_manager_clock_behind_seconds": set(),
    "incident_manager_build_info": {"version", "python"},
    "incident_manager_condition": {"subject"},
    "incident_manager_damaged_records": {"kind"},
    "incident_manager_event_loop_lag_seconds": set(),
    "incident_manager_requests_in_flight": {"lane"},
    "incident_manager_requests_refused_total": {"lane"},
    "incident_manager_listen_overflows": set(),
    "incident_manager_connections": {"port", "state"},
    "incident_manager_connections_refused_total": {"port"},
    "incident_manager_redis_up": set(),
    "incident_manager_config_last_reload_successful": set(),
    "incident_manager_config_last_reload_success_timestamp_seconds": set(),
}
REQUIRED_BUCKETS = {
    "http_request_duration_seconds": [
        *(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ],
    "incident_resolution_duration_seconds": [
        *(60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 432000, 604800),
    ],
    "incident_acknowledge_duration_seconds": [
        *(60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 432000, 604800),
    ],
    "alert_processing_duration_seconds": [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0],
    "correlation_duration_seconds": [0.001, 0.01, 0.1, 1.0, 5.0],
    "notification_duration_seconds": [0.1, 0.5, 1.0, 2.0, 5.0, 10.0],
}


@pytest.fixture(name="made")
def fixture_made():
    return started(
        integrations=("slack",),
        version="1.2.3",
        routes=ROUTES,
        channels=("slack", "pagerduty", "log"),
        teams=("db", "web"),
    )


def started(**config):
    """The metrics of a service that has read Redis once, where nothing was counted so far."""
    made = Metrics(**config)
    made.response.set([{}])
    return made


def page(made, accept=""):
    return made.render(accept)[0].decode()


def series(made):
    """Every sample of the page as {(name, labels): value}."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(page(made))
        for sample in family.samples
    }


def value(made, name, **labels):
    return series(made)[name, frozenset(labels.items())]


def changes(made, act):
    """Return the own series whose value ``act`` changed, by how much."""
    before = series(made)
    act()
    after = series(made)
    return {
        (name, labels): number - before[name, labels]
        for (name, labels), number in after.items()
        if not name.startswith(("process_", "python_", "incident_manager_memory"))
        and number != before[name, labels]
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_every_name_and_label_is_there_before_the_first_event(made, name):
    samples = {
        key: number
        for key, number in series(made).items()
        if key[0] in (name, f"{name}_count") and REQUIRED[name] <= {label for label, _ in key[1]}
    }
    assert samples
    if not name.endswith(("_info", "_memory_usage_bytes")):
        assert set(samples.values()) == {0}


@pytest.mark.parametrize("name", REQUIRED_BUCKETS)
def test_buckets(made, name):
    bounds = {
        float(dict(labels)["le"]) for sample, labels in series(made) if sample == f"{name}_bucket"
    }
    assert sorted(bounds) == [*REQUIRED_BUCKETS[name], float("inf")]


def test_promtool_has_nothing_to_say_but_what_is_accepted(made):
    made.dead_letter("payload")
    done = subprocess.run(
        [require_tool("promtool"), "check", "metrics"],
        input=made.render()[0],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    complaints = [*done.stdout.decode().splitlines(), *done.stderr.decode().splitlines()]
    assert sorted(complaints) == sorted(ACCEPTED_COMPLAINTS)
    assert done.returncode == (3 if ACCEPTED_COMPLAINTS else 0)


def test_promtool_would_complain_about_a_bad_page():
    done = subprocess.run(
        [require_tool("promtool"), "check", "metrics"],
        input=b"# HELP waits_total x\n# TYPE waits_total gauge\nwaits_total 1\n",
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 3
    assert b"waits_total" in done.stdout + done.stderr


def test_a_missing_promtool_fails_and_names_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match=r"promtool is not installed.* prometheus$"):
        require_tool("promtool")


def test_no_created_series_in_any_form(made):
    for accept in ("", "application/openmetrics-text;version=1.0.0"):
        assert "_created" not in page(made, accept)


def test_two_of_them_share_nothing(made):
    other = Metrics(version="1")
    made.dead_letter("payload")
    assert value(made, "incident_manager_dead_letters_total", reason="payload") == 1
    assert value(other, "incident_manager_dead_letters_total", reason="payload") == 0


def config(size):
    return {
        "routes": [("GET", f"/r{number}") for number in range(size)],
        "channels": [f"notifier-{number}" for number in range(size)],
        "teams": [f"team-{number}" for number in range(size)],
    }


@pytest.mark.parametrize(
    ("shape", "lines"),
    [({}, 2_400), ({**config(20), "channels": ["slack", "pd", "log"]}, 3_000), (config(60), 5_750)],
)
def test_a_fresh_page_is_bounded(shape, lines):
    assert page(started(version="1", **shape)).count("\n") < lines


def labels_of(name):
    """Some valid labels for a metric."""
    (family,) = [family for family in FAMILIES if family.name == name]
    return {label: closed.values[0] for label, closed in family.labels.items()}


def test_likely_responses_exist_at_the_start_for_every_team(made):
    have = {
        tuple(dict(labels)[name] for name in ("severity", "priority", "team", "by"))
        for sample, labels in series(made)
        if sample == "incident_resolution_duration_seconds_count"
    }
    for severity, priority in (("critical", "P1"), ("warning", "P3"), ("none", "P4")):
        for team in ("", "db", "web"):
            for by in ("human", "automatic"):
                assert (severity, priority, team, by) in have


def test_configured_priorities_choose_the_first_series():
    teams = [f"t{number}" for number in range(3)]
    made = started(version="1", teams=teams, priorities=dict.fromkeys(SEVERITIES, "P2"))
    have = {
        (dict(labels)["severity"], dict(labels)["priority"])
        for sample, labels in series(made)
        if sample == "incident_acknowledge_duration_seconds_count"
    }
    assert {(severity, "P2") for severity in SEVERITIES} <= have


# What is counted in this process.


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("no_such_total", {}),
        ("incident_undeliverable_total", {"priority": "P1"}),
        ("enrichments_total", {}),
        ("enrichments_total", {"asked": "runbook", "status": "success"}),
        ("enrichments_total", {"enricher": "runbook", "status": "success", "team": "db"}),
    ],
)
def test_a_programming_error_is_a_key_error(made, name, labels):
    with pytest.raises(KeyError):
        made.observe(name, 1, labels)
    with pytest.raises(KeyError):
        made.bound(name, **labels)


anything = st.text(max_size=20) | st.sampled_from(["P1", "critical", "\ud800", 'a"b\n', "x" * 300])
SHARED = Metrics(version="1", routes=ROUTES, channels=("slack",), teams=("db",))
EMPTY = Metrics(version="1")
EMPTY.registry = CollectorRegistry()


@given(st.data(), st.sampled_from([family for family in FAMILIES if not family.stored]))
def test_no_free_text_becomes_a_label(data, family):
    labels = {name: data.draw(anything) for name in family.labels}
    SHARED.observe(family.name, 1, labels)
    allowed = {name: {*closed.values, closed.rest} for name, closed in family.labels.items()}
    (collected,) = SHARED._families[family.name].shown.collect()
    for sample in collected.samples:
        shown = {name: text for name, text in sample.labels.items() if name != "le"}
        assert set(shown) == set(allowed)
        assert all(text in allowed[name] for name, text in shown.items())


def test_unknown_values_share_one_series_and_leave_nothing_behind(made):
    lines = None
    for number in range(2_000):
        made.request(f"M{number}", f"/v1/{number}", 900 + number, 0.1)
        made.received(f"source-{number}", f"severity-{number}")
        made.notified(f"channel-{number}", f"status-{number}", 0.1)
        if not number:
            lines = page(made).count("\n")
    assert page(made).count("\n") == lines
    assert (
        value(made, "http_requests_total", method="OTHER", endpoint="other", status="other") == 2000
    )
    for family in made._families.values():
        assert all(family.clean(key) == key for key in family)


def test_names_of_the_configuration_cannot_break_the_page():
    made = Metrics(version="1", channels=("a\ud800", 'say "hi"\n'), teams=("t\udfff",))
    made.notified("a\ud800", "success", 0.1)
    made.notified('say "hi"\n', "success", 0.1)
    assert value(made, "notifications_sent_total", channel="a?", status="success") == 1
    assert value(made, "notifications_sent_total", channel='say "hi"\n', status="success") == 1


# What the faces and workers count.


def test_requests_are_counted_by_template(made):
    made.request("GET", "/v1/incidents/{id}", 404, 0.004)
    labels = {"method": "GET", "endpoint": "/v1/incidents/{id}"}
    assert value(made, "http_requests_total", status="404", **labels) == 1
    assert value(made, "http_request_duration_seconds_bucket", le="0.005", **labels) == 1
    assert value(made, "http_request_duration_seconds_bucket", le="0.001", **labels) == 0


def test_each_way_of_counting_touches_its_own_metrics(made):
    def names(act):
        return dict(Counter(name for name, _ in changes(made, act) if "_bucket" not in name))

    assert names(lambda: made.received("alertmanager", "CRITICAL", 3)) == {
        "alerts_received_total": 1
    }
    assert (
        value(
            made, "alerts_received_total", source="alertmanager", severity="critical", type="alert"
        )
        == 3
    )
    assert names(lambda: made.processed("grafana", "committed", 0.02, 5)) == {
        "incident_manager_alerts_processed_total": 1,
        "alert_processing_duration_seconds_count": 1,
        "alert_processing_duration_seconds_sum": 1,
    }
    assert names(lambda: made.notified("slack", "retry", 0.3)) == {
        "notifications_sent_total": 1,
        "notification_duration_seconds_count": 1,
        "notification_duration_seconds_sum": 1,
    }
    assert names(lambda: made.delivered("slack", "P1", 3)) == {
        "incident_delivery_lag_seconds_count": 1,
        "incident_delivery_lag_seconds_sum": 1,
    }
    assert names(lambda: made.dead_letter("alert", 2)) == {"incident_manager_dead_letters_total": 1}
    failed = made.bound("enrichments_total", enricher="runbook", status="error")
    assert names(lambda: failed(1)) == {"enrichments_total": 1}


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        ("opened", "new"),
        ("updated", "joined"),
        ("priority_raised", "joined"),
        ("repeat", "repeat"),
        ("echo_suspected", "echo"),
        ("orphan_resolve", "orphan"),
        ("never heard of", "other"),
    ],
)
def test_a_decisions_reason_names_the_result(made, reason, result):
    made.correlated("group", reason, 0.0002)
    assert value(made, "correlations_total", strategy="group", result=result) == 1


def test_every_result_is_one_of_the_list():
    assert set(metric_families.RESULT_OF.values()) == set(metric_families.RESULTS)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("critical", "critical"),
        (" Warning ", "warning"),
        ("", "other"),
        ("sev1", "critical"),
        ("blocker", "other"),
    ],
)
def test_severities_are_counted_by_what_they_mean(made, text, label):
    made.received("alertmanager", text)
    labels = {"source": "alertmanager", "severity": label, "type": "alert"}
    assert value(made, "alerts_received_total", **labels) == 1


# Gauges.


def test_active_incidents_are_what_was_last_given(made):
    made.set_active({("critical", "triggered", "P1"): 4, ("sev1", "triggered", "P1"): 1})
    made.set_active({("sev1", "triggered", "P1"): 2, ("sev2", "triggered", "P1"): 3})
    counts = {
        (dict(labels)["severity"], dict(labels)["state"], dict(labels)["priority"]): number
        for (name, labels), number in series(made).items()
        if name == "incidents_active" and number
    }
    assert counts == {("other", "triggered", "P1"): 5}


def test_agenda_redis_and_configuration(made):
    made.set_agenda({"urgent": 2, "normal": 7, "free text": 1}, due=3)
    made.set_redis_up(up=True)
    made.set_reloaded(successful=True, now=1_700_000_000_500)
    made.set_reloaded(successful=False, now=1_800_000_000_000)
    assert value(made, "incident_manager_agenda_entries", lane="urgent") == 2
    assert value(made, "incident_manager_agenda_entries", lane="normal") == 7
    assert value(made, "incident_manager_processing_queue_size") == 3
    assert value(made, "incident_manager_redis_up") == 1
    assert value(made, "incident_manager_config_last_reload_successful") == 0
    loaded = value(made, "incident_manager_config_last_reload_success_timestamp_seconds")
    assert loaded == 1_700_000_000.5
    made.set_agenda({}, due=0)
    assert value(made, "incident_manager_agenda_entries", lane="normal") == 0


def test_registered_gauges_are_set_before_each_page(made):
    numbers = iter((5, 6))
    made.register_gauges(lambda: made.set_agenda({}, due=next(numbers)))
    assert [value(made, "incident_manager_processing_queue_size") for _ in range(2)] == [5, 6]


def test_a_gauge_that_fails_does_not_take_the_page_with_it(made, caplog):
    made.register_gauges(lambda: {}["x"])  # type: ignore[index]
    made.register_gauges(lambda: made.set_redis_up(up=True))
    assert value(made, "incident_manager_redis_up") == 1
    assert "a gauge could not be set" in caplog.text


def test_the_process_describes_itself(made):
    found = series(made)
    info = [dict(labels) for name, labels in found if name == "incident_manager_build_info"]
    assert [(labels["version"], set(labels)) for labels in info] == [
        ("1.2.3", {"version", "python"})
    ]
    used = value(made, "incident_manager_memory_usage_bytes")
    assert 5_000_000 < used < 20_000_000_000
    names = {name for name, _ in found}
    assert {"process_cpu_seconds_total", "python_info", "python_gc_collections_total"} <= names


@pytest.mark.parametrize(("system", "unit"), [("darwin", 1), ("freebsd", 1024)])
def test_memory_where_there_is_no_proc(monkeypatch, system, unit):
    class Nowhere:
        def __init__(self, path):
            raise FileNotFoundError(path)

    usage = SimpleNamespace(ru_maxrss=123)
    monkeypatch.setattr(process, "Path", Nowhere)
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)
    monkeypatch.setattr("sys.platform", system)
    assert memory_usage() == 123 * unit


# The page.

PROMETHEUS_ASKS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def test_prometheus_gets_the_names_that_people_look_for(made):
    for accept in (PROMETHEUS_ASKS, "*/*", "", "text/plain;version=1.0.0;escaping=allow-utf-8"):
        body, content_type = made.render(accept)
        assert content_type == content_type_of(accept) == CONTENT_TYPE_PLAIN_0_0_4
        assert b"# TYPE llm_integration_requests_total counter\n" in body
        assert b"# TYPE incidents_total counter\n" in body


def test_who_takes_openmetrics_alone_gets_it(made):
    body, content_type = made.render("application/openmetrics-text;version=1.0.0, */*;q=0.1")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    names = {family.name for family in parse_openmetrics(body.decode())}
    assert {"incidents", "incidents_active", "incident_manager_build"} <= names


def test_the_text_is_that_of_the_library_to_the_byte(made):
    for most in (1_234_567, 0, 0, 1_234_567):
        made.request("GET", "/v1/incidents", 200, 0.0123456)
        made.set_storage(used=17, most=most)
        ours = made.render()[0].splitlines()
        theirs = generate_latest(made.registry).splitlines()
        changing = (b"process_", b"python_gc", b"incident_manager_memory")
        assert len(ours) == len(theirs) > 800
        assert [line for line in ours if not line.startswith(changing)] == [
            line for line in theirs if not line.startswith(changing)
        ]


@given(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_odd_labels_and_values_are_written_as_the_library_does(label, value, words):
    registry = CollectorRegistry()
    labels = {"label": Closed((label,)), "all": Closed(("a",))}
    odd = [
        Bound(family, registry)
        for family in (
            gauge("odd", words, labels, across=Across.MAX),
            histogram("times", words, labels, (0.5, 1e7)),
            counter("calls_total", words, labels),
        )
    ]
    odd[0][label, "a"](value)
    odd[1][label, "a"](value)
    odd[2][label, "a"](abs(value))
    disable_created_metrics()
    parts = [one.shown for one in odd]
    assert written(parts) == written(parts) == generate_latest(registry)


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain; version=abc",
        "application/openmetrics-text; version=1.0.0rc1",
        "text/plain; version=" + "9" * 5000,
        ";;;,,,=",
        "\ud800",
    ],
)
def test_an_accept_header_may_be_anything(made, accept):
    body, content_type = made.render(accept)
    assert b"incidents_active" in body
    assert content_type.startswith(("text/plain; version=", "application/openmetrics-text"))


@given(st.text(alphabet="textplainopmcrs/-; ,=.0123456789v*q", max_size=60))
def test_no_accept_header_fails(accept):
    assert EMPTY.render(accept)[1].isprintable()


def test_counting_from_threads_loses_nothing(made):
    def work():
        for _ in range(2_000):
            made.dead_letter("event")
            made.request("PUT", "/v1/incidents", 299, 0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    pages = [made.render() for _ in range(3)]
    for thread in threads:
        thread.join()
    assert len(pages) == 3
    assert value(made, "incident_manager_dead_letters_total", reason="event") == 8_000


def test_counting_costs_a_look_up_not_a_search(made, monkeypatch):
    """What was counted once is bound: its series is not searched for by its labels again."""

    def count():
        made.received("grafana", "critical")
        made.processed("grafana", "committed", 0.1)
        made.correlated("group", "opened", 0.1)
        made.request("GET", "/v1/incidents", 200, 0.1)

    def searched(*_values):
        raise AssertionError("searched for by its labels")

    count()
    monkeypatch.setattr(Bound, "clean", searched)
    count()


def test_lags_begin_with_the_first_notifiers():
    made = Metrics(version="1", channels=[f"n{number}" for number in range(FIRST_LAGS)])
    first = [
        dict(labels)["channel"]
        for name, labels in series(made)
        if name == "incident_delivery_lag_seconds_count"
    ]
    assert len(first) == FIRST_LAGS
    assert set(first) == {f"n{number}" for number in range(FIRST_LAGS // len(PRIORITIES))}


def test_help_is_a_sentence_without_odd_characters(made):
    helps = re.findall(r"^# HELP (incident\S*) (.*)$", page(made), re.MULTILINE)
    assert len(helps) > 15
    assert all(len(text) > 15 and text.isascii() for _, text in helps)
