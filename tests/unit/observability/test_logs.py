import asyncio
import io
import json
import logging
import re
import sys
import warnings

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from receiver import secrets
from receiver.observability import logs
from receiver.observability.correlation import (
    correlation_id,
    correlation_id_of,
    new_correlation_id,
    trace_context,
)
from receiver.observability.logs import CLASSES, ConsoleFormatter, JsonFormatter, setup_logging
from receiver.secrets import Secrets, redact
from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def fixture_clean(monkeypatch):
    """Leave the process's logging and secrets as they were."""
    monkeypatch.setattr(secrets, "_SECRETS", Secrets())
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    root.handlers[:] = kept
    root.setLevel(level)
    for name, number in quiet.items():
        logging.getLogger(name).setLevel(number)
    logging.captureWarnings(capture=False)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def record(message="hello", *args, level=logging.INFO, name="agenda", exc_info=None, **extra):
    return logging.getLogger(name).makeRecord(
        name, level, __file__, 1, message, args, exc_info, extra=extra
    )


def as_json(*args, **kwargs):
    line = JsonFormatter().format(record(*args, **kwargs))
    assert line.isascii()
    assert line.isprintable()
    return json.loads(line)


def console(*args, **kwargs):
    return ConsoleFormatter().format(record(*args, **kwargs))


def raised(error):
    def fail():
        raise error

    try:
        fail()
    except type(error):
        return sys.exc_info()


# JSON.


@pytest.mark.parametrize(
    ("level", "name", "shown"),
    [
        (logging.DEBUG, "webhook", "debug"),
        (logging.INFO, "agenda", "application"),
        (logging.WARNING, "agenda", "application"),
        (logging.ERROR, "agenda", "error"),
        (logging.CRITICAL, "agenda", "error"),
        (logging.INFO, "audit", "audit"),
        (logging.ERROR, "audit", "audit"),
    ],
)
def test_each_line_says_its_class(level, name, shown):
    line = as_json(level=level, name=name)
    assert line["class"] == shown
    assert line["class"] in CLASSES


def test_no_extra_makes_a_line_something_else():
    one = record()
    vars(one)["class"] = "audit"
    assert json.loads(JsonFormatter().format(one))["class"] == "application"


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_the_audit_is_written_at_any_level(level):
    stream = io.StringIO()
    setup_logging(level, "json", stream)
    logging.getLogger("audit").info("Ann did it")
    logging.getLogger("agenda").info("not wanted")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "Ann did it"
    ]


def test_a_line_carries_the_trace_of_its_task_or_its_own():
    context, own = f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-00 rojo=1"
    assert "trace_id" not in as_json()
    token = trace_context.set(context)
    try:
        assert as_json()["trace_id"] == "a" * 32
        assert as_json()["span_id"] == "b" * 16
        line = as_json(trace_context=own)
        assert (line["trace_id"], line["span_id"]) == ("c" * 32, "d" * 16)
        assert f"trace_id={'a' * 32}" in console()
    finally:
        trace_context.reset(token)


@pytest.mark.parametrize("value", ["nonsense", 7, object(), "00-zz-1-1"])
def test_a_trace_that_is_none_is_left_out(value):
    line = as_json(trace_context=value)
    assert "trace_id" not in line
    assert "trace_context" not in line


def test_fields_come_in_their_order_and_extras_last():
    line = as_json("done %d", 3, duration_ms=12.5, status="success", incident="0-A-1", attempt=2)
    assert list(line) == [
        *("timestamp", "level", "class", "logger", "message", "correlation_id"),
        *("duration_ms", "status", "incident", "attempt"),
    ]
    assert line["message"] == "done 3"
    assert line["level"] == "INFO"
    assert line["logger"] == "agenda"
    assert (line["duration_ms"], line["status"]) == (12.5, "success")
    assert (line["incident"], line["attempt"]) == ("0-A-1", 2)


def test_what_is_not_known_is_left_out_but_the_correlation_id():
    assert list(as_json()) == [
        *("timestamp", "level", "class", "logger", "message", "correlation_id")
    ]
    assert as_json()["correlation_id"] == ""


@pytest.mark.parametrize(
    ("created", "shown"),
    [
        (1738319400.0, "2025-01-31T10:30:00.000Z"),
        (1738319400.0625, "2025-01-31T10:30:00.062Z"),
        (1738319400.99999, "2025-01-31T10:30:00.999Z"),
    ],
)
def test_times_are_utc_with_milliseconds(created, shown):
    one = record()
    one.created = created
    assert json.loads(JsonFormatter().format(one))["timestamp"] == shown


def test_an_extra_cannot_pose_as_a_fixed_field():
    one = record()
    vars(one).update(timestamp="never", level="FAKE", logger="fake", exception="fake")
    line = json.loads(JsonFormatter().format(one))
    assert line["level"] == "INFO"
    assert line["logger"] == "agenda"
    assert line["timestamp"] != "never"
    assert "exception" not in line


def test_an_exception_is_a_field_of_the_one_line():
    line = as_json(level=logging.ERROR, exc_info=raised(ValueError("bad\nvalue")))
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: bad\nvalue")


def test_a_stack_is_a_field():
    one = record()
    one.stack_info = "Stack (most recent call last):\n  here"
    assert json.loads(JsonFormatter().format(one))["stack"].endswith("here")


class Broken:
    def __str__(self):
        raise RuntimeError


def test_values_that_json_cannot_hold_are_written_as_text():
    loop = {}
    loop["again"] = loop
    line = as_json(
        a=float("nan"),
        b=float("inf"),
        c={1: (2, {3})},
        d=Broken(),
        e=b"\xff",
        f=10**5000,
        g=True,
        h=None,
        i=loop,
    )
    assert line["a"] == "nan"
    assert line["b"] == "inf"
    assert line["c"] == {"1": [2, [3]]}
    assert line["d"] == "<Broken>"
    assert line["e"] == "b'\\xff'"
    assert line["f"] == hex(10**5000)
    assert line["g"] is True
    assert line["h"] is None
    assert "again" in line["i"]


def test_arguments_that_do_not_fit_still_give_a_line():
    assert as_json("%d alerts", "many")["message"] == "%d alerts (its arguments do not fit)"
    assert "do not fit" in as_json(Broken())["message"]


nasty = st.text() | st.sampled_from(
    ["\ud800", "a\nb", "\x1b[31m", "\u2028", "\x85", "\x00", '"}', "\u202e"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | nasty | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(nasty, inner, max_size=3),
    max_leaves=8,
)


@given(nasty, values)
def test_any_content_is_one_line_of_json(text, value):
    line = as_json("%s", text, value=value)
    assert line["message"] == text
    json.dumps(line, allow_nan=False)


@given(nasty, values)
def test_any_content_is_one_line_on_the_console(text, value):
    line = console("%s", text, value=value)
    assert line.isprintable()
    assert re.match(r"\d\d:\d\d:\d\d INFO  agenda  ", line)


# Console.


def test_the_console_line():
    line = console("due", level=logging.WARNING, duration_ms=4, status="retry", why="two words")
    assert re.fullmatch(
        r'\d\d:\d\d:\d\d WARNING agenda  due  duration_ms=4  status=retry  why="two words"', line
    )


def test_the_console_shortens_our_own_logger_names():
    assert "INFO  engine.dispatcher  hello" in console(name="receiver.engine.dispatcher")
    assert "INFO  aiohttp.web  hello" in console(name="aiohttp.web")


def test_the_console_pads_levels_and_tells_the_correlation_id():
    token = correlation_id.set("req-7")
    line = console()
    correlation_id.reset(token)
    assert line.endswith("INFO  agenda  hello  correlation_id=req-7")


def test_values_on_the_console_cannot_pose_as_others():
    assert console(a="x  b=1").endswith('a="x  b=1"')
    assert console(a='say "hi"').endswith(r'a="say \"hi\""')
    assert console(a={"b": [1]}).endswith('a={"b": [1]}')


def test_a_traceback_is_indented_and_escaped():
    text = console(exc_info=raised(ValueError("bad\n12:03:04 INFO  fake \x1b[31m")))
    first, *rest = text.split("\n")
    assert first.endswith("agenda  hello")
    assert len(rest) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert "    12:03:04 INFO  fake \\x1b[31m" in rest


# Set-up.


def written(form, stream, message="hello"):
    setup_logging("info", form, stream)
    logging.getLogger("agenda").info(message)
    return stream.getvalue()


def test_auto_is_console_on_a_terminal_and_json_elsewhere(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert json.loads(written("auto", io.StringIO()))["message"] == "hello"
    assert "\x1b[32mINFO \x1b[0m agenda  hello\n" in written("auto", Terminal())


def test_the_form_can_be_demanded():
    assert json.loads(written("json", Terminal()))["message"] == "hello"
    plain = written("console", io.StringIO())
    assert "INFO  agenda  hello" in plain
    assert "\x1b" not in plain


def test_no_colour_where_nobody_wants_it(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written("auto", Terminal())


def test_a_second_set_up_replaces_the_first_and_leaves_others_alone():
    foreign = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(foreign)
    first, second = io.StringIO(), io.StringIO()
    setup_logging("info", "json", first)
    assert written("json", second).count("\n") == 1
    assert first.getvalue() == ""
    assert foreign in logging.getLogger().handlers


def test_logs_go_to_standard_error_by_default(capsys):
    setup_logging("info", "json")
    logging.getLogger("agenda").info("hello")
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["message"] == "hello"


def test_the_level_is_kept_and_libraries_stay_quiet():
    stream = io.StringIO()
    setup_logging("debug", "json", stream)
    logging.getLogger("agenda").debug("ours")
    logging.getLogger("slack_sdk.web").debug("token in a header")
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("slack_sdk.web").warning("theirs")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "ours",
        "theirs",
    ]
    setup_logging("error", "json", stream)
    assert not logging.getLogger("agenda").isEnabledFor(logging.WARNING)
    assert not logging.getLogger("slack_sdk.web").isEnabledFor(logging.WARNING)


def test_warnings_become_lines():
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        setup_logging("info", "json", stream)
        warnings.warn("old", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    line = json.loads(stream.getvalue())
    assert line["logger"] == "py.warnings"
    assert "UserWarning: old" in line["message"]


@pytest.mark.parametrize(
    ("level", "form", "words"),
    [
        ("loud", "json", "log level 'loud' is not one of debug, info, warning, error, critical"),
        ("info", "xml", "log format 'xml' is not one of auto, json, console"),
    ],
)
def test_unknown_settings_are_refused_with_what_is_allowed(level, form, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        setup_logging(level, form, io.StringIO())


def test_a_closed_stream_is_no_terminal():
    stream = io.StringIO()
    stream.close()
    setup_logging("info", "auto", stream)
    (ours,) = [one for one in logging.getLogger().handlers if one.get_name() == logs._OUR_HANDLER]
    assert isinstance(ours.formatter, JsonFormatter)


# Correlation.


async def test_each_task_has_its_own_correlation_id():
    async def work(name):
        correlation_id.set(name)
        await asyncio.sleep(0)
        return as_json()["correlation_id"]

    assert await asyncio.gather(work("req-a"), work("req-b")) == ["req-a", "req-b"]  # type: ignore[comparison-overlap]


def test_a_records_own_correlation_id_comes_first():
    token = correlation_id.set("context")
    try:
        assert as_json(correlation_id="own")["correlation_id"] == "own"
        assert as_json(correlation_id="")["correlation_id"] == "context"
    finally:
        correlation_id.reset(token)


def test_fresh_ids_differ_and_would_be_accepted_back():
    fresh = {new_correlation_id() for _ in range(1_000)}
    assert len(fresh) == 1_000
    assert all(correlation_id_of({"X-Request-ID": one}) == one for one in fresh)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "abc.D_9-f"}, "abc.D_9-f"),
        ({"X-Correlation-ID": "c"}, "c"),
        ({"X-Correlation-ID": "c", "X-Request-ID": "r"}, "r"),
        ({"X-Correlation-ID": "c", "X-Request-ID": "not ok"}, "c"),
        ({"X-Request-ID": "a" * 64}, "a" * 64),
    ],
)
def test_an_incoming_id_is_kept(headers, expected):
    assert correlation_id_of(CIMultiDict(headers)) == expected


@pytest.mark.parametrize("given_id", ["", "a" * 65, "a b", "a\n", "\u0661", "<b>", "a;b", "\ud800"])
def test_anything_else_is_replaced(given_id):
    assert re.fullmatch(r"req-[0-9a-f]{16}", correlation_id_of({"X-Request-ID": given_id}))


# Secrets.

SECRET = 'xoxb-"1\\2"-pä/ss'


@pytest.mark.parametrize("form", [JsonFormatter(), ConsoleFormatter()])
def test_no_secret_is_written_wherever_it_stands(form):
    redact([SECRET, "", "hunter2"])
    one = record(
        "token %s as %r",
        SECRET,
        SECRET,
        exc_info=raised(ValueError(f"refused {SECRET}")),
        plain=SECRET,
        nested={f"key {SECRET}": [f"({SECRET})", {"deep": SECRET}]},
        body=json.dumps({"token": SECRET}),
        url="https://x/?token=xoxb-%221%5C2%22-p%C3%A4%2Fss",
        status=SECRET,
        correlation_id="hunter2",
    )
    one.stack_info = f"stack {SECRET}"
    text = form.format(one)
    assert "***" in text
    for part in ("xoxb-", "ss)", "hunter2", "p%C3%A4"):
        assert part not in text


def test_the_longer_of_two_secrets_is_hidden_whole():
    redact(["abc"])
    redact(["abcdef"])
    assert as_json("abcdef abc")["message"] == "*** ***"


def test_field_names_stay_readable_whatever_the_secret():
    redact(["level", "INFO", "e"])
    line = as_json("hello")
    assert line["level"] == "INFO"
    assert line["message"] == "h***llo"


def test_without_secrets_nothing_changes():
    redact([])
    assert as_json("*** plain")["message"] == "*** plain"


# What the documentation says.


def test_every_class_is_documented_with_its_retention_and_loki_keeps_them_as_long():
    text = (ROOT / "docs" / "logging.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| .+ \| ([^|]+) \|$", text, re.MULTILINE))
    assert rows == {
        "application": "30 days",
        "audit": "1 year",
        "debug": "7 days",
        "error": "90 days",
    }
    assert sorted(rows) == sorted(CLASSES)
    days = {"audit": 365, "debug": 7, "error": 90}
    streams = dict(re.findall(r'class="(\w+)"}\', priority: 1, period: (\d+)h', text))
    assert {name: int(hours) / 24 for name, hours in streams.items()} == days
    assert f"retention_period: {30 * 24}h" in text
    for block in re.findall(r"^```yaml\n(.+?)^```", text, re.MULTILINE | re.DOTALL):
        assert all(yaml.safe_load_all(block))


def test_the_documented_line_has_the_fields_in_their_order():
    text = (ROOT / "docs" / "logging.md").read_text()
    (example,) = re.findall(r"^```json\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    names = list(json.loads(example))
    shown = as_json(name="audit", action="a", outcome="b", incident="c", actor="d", actor_id="e")
    assert names == [*shown, "via"]
