"""When traces are wanted, what the settings say about them, and what comes with a request."""

import logging
import re
import subprocess
import sys

import msgspec
import pytest
from click.testing import CliRunner
from multidict import CIMultiDict

from receiver.cli.root import main
from receiver.errors import ConfigError
from receiver.observability import tracing
from receiver.observability.trace_context import read_context
from receiver.observability.tracing import Tracing, build_tracing
from receiver.observability.tracing_config import TracingConfig, is_installed, is_wanted
from receiver.settings.load import load_settings
from routing.decision import Decision
from routing.incident import Incident
from routing.incident_parts import AUTOMATIC, Page
from routing.person_event import Noted
from routing.vocabulary import Reason
from tests.support.builders import GROUP
from tests.support.places import ROOT

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
SETTINGS = {"tracing.endpoint": "http://collector:4318"}


@pytest.fixture
def fixture_without_the_extra(monkeypatch):
    """Have imports of OpenTelemetry fail as they do where it is not installed."""
    for name in [*sys.modules, "opentelemetry", "opentelemetry.exporter.otlp.proto.http"]:
        if name.partition(".")[0] == "opentelemetry":
            monkeypatch.setitem(sys.modules, name, None)
    assert not is_installed()


@pytest.mark.parametrize(
    ("config", "environ", "wanted"),
    [
        ({}, {}, False),
        ({"endpoint": "http://c:4318"}, {}, True),
        ({"enabled": True}, {}, True),
        ({"enabled": False, "endpoint": "http://c:4318"}, COLLECTOR, False),
        ({}, COLLECTOR, True),
        ({}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({}, COLLECTOR | {"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"enabled": True}, {"OTEL_TRACES_EXPORTER": "none"}, True),
        ({"enabled": True}, {"OTEL_SDK_DISABLED": "true"}, False),
        ({"service_name": "pager", "sample_ratio": 0.1}, {}, False),
    ],
)
def test_when_traces_are_wanted(config, environ, wanted):
    assert is_wanted(TracingConfig.model_validate(config), environ) is wanted


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("endpoint", "collector:4318", "tracing.endpoint"),
        ("endpoint", "http://", "tracing.endpoint"),
        ("sample_ratio", 1.5, "less than or equal to 1"),
        ("sample_ratio", "often", "valid number"),
        ("enabled", "perhaps", "valid boolean"),
        ("sampl_ratio", 1, "did you mean sample_ratio?"),
    ],
)
def test_bad_settings_are_refused_with_what_is_allowed(name, value, words):
    with pytest.raises(ConfigError) as raised:
        load_settings(None, {}, {f"tracing.{name}": value})
    assert words in str(raised.value)


def test_settings_come_from_the_environment_too():
    environ = {
        "LLM_IM__TRACING__ENDPOINT": "http://c:4318/",
        "LLM_IM__TRACING__SAMPLE_RATIO": "0.5",
    }
    found = load_settings(None, environ, {}).tracing
    assert (found.endpoint, found.sample_ratio) == ("http://c:4318", 0.5)


@pytest.mark.usefixtures("fixture_without_the_extra")
def test_configured_but_not_installed_is_refused_with_the_words_that_fix_it(tmp_path):
    file = tmp_path / "im.yml"
    file.write_text("log: {level: info}\ntracing:\n  endpoint: http://c:4318\n")
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert result.exit_code == 1
    assert f"{file}:2: tracing: " in result.output
    assert "pip install 'llm-incident-manager[otel]'" in result.output
    assert load_settings(None, {}, SETTINGS | {"tracing.enabled": False})


@pytest.mark.usefixtures("fixture_without_the_extra")
def test_a_variable_without_the_extra_is_a_warning_and_no_reason_not_to_page(monkeypatch, caplog):
    monkeypatch.setenv(*next(iter(COLLECTOR.items())))
    assert build_tracing(TracingConfig()) is None
    assert "not installed" in caplog.text


def test_another_protocol_is_said_to_be_ignored(monkeypatch, caplog):
    monkeypatch.setattr(tracing, "is_wanted", lambda *_: True)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    caplog.set_level(logging.WARNING)
    found = build_tracing(TracingConfig())
    assert "not as grpc" in caplog.text
    found._tracer._provider.shutdown()


def test_nothing_is_imported_where_nothing_is_traced():
    program = (
        "import sys, redis.asyncio\n"  # it looks for OpenTelemetry by itself
        "before = set(sys.modules)\n"
        "import receiver.app.service, receiver.observability.tracing as t\n"
        "from receiver.observability.tracing_config import TracingConfig\n"
        "assert t.build_tracing(TracingConfig()) is None\n"
        "new = set(sys.modules) - before\n"
        "print([name for name in new if name.startswith('opentelemetry')])\n"
    )
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("headers", "context"),
    [
        ([], ""),
        ([("traceparent", f"00-{TRACE}-{SPAN}-01")], f"00-{TRACE}-{SPAN}-01"),
        ([("Traceparent", f" 00-{TRACE}-{SPAN}-00\t")], f"00-{TRACE}-{SPAN}-00"),
        ([("traceparent", f"00-{TRACE}-{SPAN}-ff")], f"00-{TRACE}-{SPAN}-03"),
        ([("traceparent", f"01-{TRACE}-{SPAN}-01-x")], f"00-{TRACE}-{SPAN}-01"),
        ([("traceparent", f"01-{TRACE}-{SPAN}-01.x")], ""),
        ([("traceparent", f"00-{TRACE}-{SPAN}-01")] * 2, ""),
        ([("tracestate", "a=1")], ""),
        (
            [
                ("traceparent", f"00-{TRACE}-{SPAN}-01"),
                ("tracestate", "a=1"),
                ("tracestate", "b=2"),
            ],
            f"00-{TRACE}-{SPAN}-01 a=1,b=2",
        ),
        (
            [("traceparent", f"00-{TRACE}-{SPAN}-01"), ("tracestate", "a=" + "x" * 600)],
            f"00-{TRACE}-{SPAN}-01",
        ),
    ],
)
def test_headers_are_read_as_the_w3c_says(headers, context):
    assert read_context(CIMultiDict(headers)) == context


def test_the_documented_settings_are_accepted(tmp_path):
    text = (ROOT / "docs" / "tracing.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "im.yml"
    file.write_text(example)
    assert is_wanted(load_settings(file, {}, {}).tracing, {})


class Steps:
    """A tracer whose spans are all one: their context is this change's."""

    context = f"00-{TRACE}-{SPAN}-01"

    def start(self, *args, **kwargs):
        return self

    def set(self, name, value):
        pass

    def end(self, error=""):
        pass


def test_a_page_keeps_the_trace_of_what_asked_for_it_and_a_new_one_gets_its_own():
    old = f"00-{'a' * 32}-{SPAN}-01"
    known = Page(seq=1, since=1, step=0, reason="opened", trace=old)
    before = Incident(
        id="0-A-1", group=GROUP, state="triggered", pages={"slack": known, "pager": known}
    )
    again = msgspec.structs.replace(known, seq=2)
    after = msgspec.structs.replace(before, pages={"slack": again, "pager": known, "new": known})
    decision = Decision(Reason.ESCALATED, before, after, changed=True)
    kept, _ = Tracing(Steps()).decided("", Noted(AUTOMATIC, "x"), before, decision, 0)  # type: ignore[arg-type]
    assert kept.incident.trace == Steps.context
    traces = {name: page.trace for name, page in kept.incident.pages.items()}
    assert traces == {"slack": Steps.context, "pager": old, "new": Steps.context}
    same = msgspec.structs.replace(decision, changed=False)
    assert Tracing(Steps()).decided("", Noted(AUTOMATIC, "x"), before, same, 0)[0] is same  # type: ignore[arg-type]
