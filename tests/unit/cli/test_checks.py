"""What the daily checks say of a page of metrics, of names, and of what is asked for."""

import pytest

from receiver.cli.asking import without_secrets
from receiver.cli.checks.finding import EXIT_CODES, Finding, judged, worst
from receiver.cli.checks.health.metrics import from_page
from receiver.cli.checks.metrics.names import complaints
from receiver.cli.checks.metrics.promised import promises
from receiver.cli.checks.metrics.queried import Queried, selectors
from receiver.cli.checks.metrics.validate import validate_page, validate_queries
from receiver.cli.checks.metrics.values import sums_that_differ, too_many, wrong_values
from receiver.cli.checks.metrics_page import Page
from receiver.cli.checks.source import kind_of
from receiver.observability.metrics.registry import Metrics
from receiver.text.units import counted, size, span


def page(*lines):
    return Page("\n".join(lines) + "\n")


def wrong(name, *lines):
    return list(wrong_values(page(*lines), name))


HISTOGRAM = (
    "# TYPE t_seconds histogram",
    't_seconds_bucket{le="1.0"} 2',
    't_seconds_bucket{le="+Inf"} 3',
    "t_seconds_count 3",
    "t_seconds_sum 4",
)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("# TYPE a_total counter", "a_total -1"), "negative"),
        (("# TYPE a_total counter", "a_total NaN"), "not a number"),
        (("# TYPE a_total gauge", "a_total +Inf"), "not finite"),
        (("# TYPE a_percent gauge", "a_percent 101"), "100 %"),
        (("# TYPE a_hit_rate gauge", "a_hit_rate 1.5"), "at most 1"),
        (("# TYPE a_up gauge", "a_up 2"), "0 or 1"),
        (("# TYPE a_timestamp_seconds gauge", "a_timestamp_seconds 9999999999"), "future"),
        (("# TYPE a gauge", 'a{b="c"} 1', 'a{b="c"} 2'), "stands 2 times"),
    ],
)
def test_a_value_that_cannot_be_is_named(lines, words):
    name = lines[0].split()[2]
    (found,) = wrong(name, *lines)
    assert words in found
    assert name in found


def test_how_far_clocks_differ_has_a_sign():
    for name in ("a_offset_seconds", "a_behind_seconds"):
        assert wrong(name, f"# TYPE {name} gauge", f"{name} -0.009") == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('{le="1.0"} 2', '{le="1.0"} 5', "fall"),
        ("_count 3", "_count 4", "its bucket +Inf is 3, its count 4"),
        ('{le="+Inf"} 3', '{le="2.0"} 3', "no bucket +Inf"),
        ("t_seconds_count 3", "", "no _count"),
    ],
)
def test_a_histogram_has_to_add_up(old, new, words):
    assert wrong("t_seconds", *HISTOGRAM) == []
    (found,) = wrong("t_seconds", *(line.replace(old, new) for line in HISTOGRAM))
    assert words in found


def test_successful_and_failed_make_the_total():
    lines = [
        "# TYPE llm_integration_requests_total counter",
        'llm_integration_requests_total{integration="slack"} 5',
        "# TYPE llm_integration_requests_successful gauge",
        'llm_integration_requests_successful{integration="slack"} 3',
        "# TYPE llm_integration_requests_failed gauge",
        'llm_integration_requests_failed{integration="slack"} 2',
    ]
    assert list(sums_that_differ(page(*lines))) == []
    ((name, words),) = sums_that_differ(page(*lines[:-1], lines[-1].replace("2", "1")))
    assert (name, words[-37:]) == (
        "llm_integration_requests_total",
        "successful + failed is 3 + 1, total 5",
    )
    ((_, words),) = sums_that_differ(page(*lines[:-1]))
    assert "3 + nothing" in words


def test_too_many_series_and_endless_labels_are_named():
    lines = ["# TYPE a gauge", *(f'a{{b="{number}"}} 1' for number in range(1_000))]
    assert list(too_many(page(*lines), "a")) == []
    assert "1001 combinations" in next(too_many(page(*lines, 'a{b="more"} 1'), "a"))
    assert "label b" in next(too_many(page("# TYPE a gauge", f'a{{b="{"x" * 201}"}} 1'), "a"))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("camelCase", "gauge", ["snake_case"]),
        ("wait_milliseconds", "gauge", ["base unit seconds"]),
        ("requests", "counter", ["ends with _total"]),
        ("requests_total", "gauge", ["only a counter"]),
        ("requests_count", "gauge", ["histograms use"]),
        ("llm_integration_latency_milliseconds_total", "gauge", []),
    ],
)
def test_names_are_judged_as_promtool_judges_them(name, kind, words):
    found = page(f"# HELP {name} Text.", f"# TYPE {name} {kind}", f"{name} 1")
    said = list(complaints(name, found.families[name]))
    assert len(said) == len(words)
    for one, word in zip(said, words, strict=True):
        assert word in one


def test_a_metric_needs_a_help_text():
    assert "has no help text" in complaints("a", page("# TYPE a gauge", "a 1").families["a"])


@pytest.fixture(name="text")
def fixture_text():
    made = Metrics(version="1", integrations=("slack",), channels=("slack",), routes=[("GET", "/")])
    made.response.set([{}])
    made.request("GET", "/", 200, 0.1)
    made.notified("slack", "success", 0.1)
    return made.render()[0].decode()


def states(findings):
    return {finding.name: finding.state for finding in findings if finding.state != "ok"}


def test_our_own_page_keeps_every_promise(text):
    assert states(validate_page(Page(text), promises())) == {}


def test_what_is_missing_or_of_another_form_is_named(text):
    gone = text.replace("incident_escalations_total", "incident_steps_total")
    gone = gone.replace("# TYPE incidents_active gauge", "# TYPE incidents_active counter")
    gone = gone.replace('outcome="', 'result="')
    said = {(finding.name, finding.found) for finding in validate_page(Page(gone), promises())}
    assert said >= {
        ("incident_escalations_total", "is missing"),
        ("incident_steps_total", "is there and not in docs/api.md"),
        ("incidents_active", "is a counter, promised is a gauge"),
        ("incidents_active", "a counter ends with _total"),
        ("incident_deadlines_total", "has not the label outcome"),
        (
            "incident_deadlines_total",
            "has the label result, which is not in docs/api.md",
        ),
    }


def test_selectors_of_our_job_are_found_with_their_labels():
    expression = (
        'sum by (le) (rate(a_bucket{job="ours", le="1"}[5m])) / b{x=~"1,2", job="ours"}'
        ' + c{job="theirs"} + up{job="ours"}'
    )
    assert list(selectors(expression, "ours", "here")) == [
        Queried("a_bucket", frozenset(), "here"),
        Queried("b", frozenset({"x"}), "here"),
    ]


def test_what_nobody_exports_or_records_is_named(text):
    wanted = [
        Queried("incidents_active", frozenset({"state"}), "one"),
        Queried("incident_delivery_lag_seconds_bucket", frozenset({"channel"}), "two"),
        Queried("incidents_active", frozenset({"colour"}), "three"),
        Queried("incidents_lost", frozenset(), "four"),
        Queried("system:known", frozenset(), "five"),
        Queried("system:unknown", frozenset(), "six"),
    ]
    found = validate_queries(Page(text), promises(), wanted, {"system:known"})
    assert {finding.name: finding.found for finding in found} == {
        "incidents_active": "has no label colour (three)",
        "incidents_lost": "is not exported (four)",
        "system:unknown": "no rule records it (six)",
    }


def test_a_text_that_is_no_exposition_is_refused():
    for text in ("", "<html><body>hello</body></html>", "# just a comment\n"):
        with pytest.raises(ValueError, match=r"not one sample|invalid metric name"):
            Page(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.0123, "12 ms"),
        (59.7, "1m"),
        (3_725, "1h 2m"),
        (86_400, "1d"),
        (-90, "-1m 30s"),
    ],
)
def test_spans_are_short(number, shown):
    assert span(number) == shown


def test_sizes_are_short():
    assert [size(0), size(1536), size(5 << 30), size(3 << 40)] == [
        "0 B",
        "1.5 KiB",
        "5.0 GiB",
        "3.0 TiB",
    ]


def test_the_worst_state_is_the_exit_code():
    def code(*found):
        return EXIT_CODES[worst(Finding("a", "b", state, "") for state in found)]

    assert code() == code("ok", "skipped") == 0
    assert code("ok", "unknown") == 3
    assert code("unknown", "warning") == 1
    assert code("warning", "failed", "unknown") == 2


def test_a_bound_itself_is_well():
    def state(value):
        return judged("a", "b", value, "", warn=1, fail=2, advice="do").state

    assert [state(value) for value in (1, 1.1, 2, 2.1)] == ["ok", "warning", "warning", "failed"]
    assert judged("a", "b", 1, "", warn=1, advice="do").advice == ""


def test_what_is_shown_of_a_url_is_no_secret():
    assert without_secrets("http://ann:secret@host:1/x?token=secret") == "http://host:1/x"
    assert kind_of("<!DOCTYPE html><p>") == "a web page"
    assert kind_of("") == "nothing"


def test_things_are_counted():
    assert [counted(1, "entry"), counted(2, "entry"), counted(0, "alert")] == [
        "1 entry",
        "2 entries",
        "0 alerts",
    ]


@pytest.mark.parametrize(
    ("lines", "name", "state"),
    [
        (['incident_manager_agenda_delay_seconds{lane="urgent"} 30'], "agenda", "ok"),
        (['incident_manager_agenda_delay_seconds{lane="urgent"} 31'], "agenda", "warning"),
        (['incident_manager_agenda_delay_seconds{lane="urgent"} 121'], "agenda", "failed"),
        (['incident_manager_agenda_delay_seconds{lane="normal"} 9999'], "agenda", "warning"),
        (["incident_manager_processing_queue_size 1000"], "queue", "ok"),
        (["incident_manager_processing_queue_size 1001"], "queue", "warning"),
        (["incident_manager_config_last_reload_successful 0"], "configuration", "warning"),
        (
            [
                'incident_manager_connection_pool_connections{state="in_use"} 31',
                'incident_manager_connection_pool_connections{state="max"} 32',
            ],
            "connections",
            "warning",
        ),
        (
            [
                'incident_manager_alerts_processed_total{result="failed"} 2',
                'incident_manager_alerts_processed_total{result="committed"} 98',
            ],
            "intake",
            "warning",
        ),
        (
            [
                'incident_delivery_lag_seconds_count{priority="P1"} 10',
                'incident_delivery_lag_seconds_bucket{priority="P1",le="60.0"} 9',
            ],
            "delivery",
            "warning",
        ),
        (["incident_manager_storage_used_bytes 1001"], "storage", "warning"),
    ],
)
def test_what_the_metrics_say_of_our_health(lines, name, state):
    series = 'incident_manager_agenda_delay_seconds{lane="%s"}'
    idle = [f"{series % lane} 0" for lane in ("urgent", "normal") if series % lane not in lines[0]]
    found = {one.name: one for one in from_page(page(*lines, *idle), 1_000)}
    assert found[name].state == state
    assert {one.state for one in found.values() if one.name != name} == {"ok"}
    assert bool(found[name].advice) == (state != "ok") or name == "connections"
