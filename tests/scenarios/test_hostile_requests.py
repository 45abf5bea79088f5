"""Requests that nobody sends by mistake: each gets a clear answer, none an internal error."""

import asyncio
import io
import json
import time
from typing import Any

import pytest

from receiver.actions.registry import REGISTRY
from receiver.app.routes import PATHS
from tests.support.app import App
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S

DIGITS = "9" * 5_000


async def raw(app: App, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return status and everything that came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.service.api_port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


def post(path: str, body: bytes = b"{}", *headers: bytes) -> bytes:
    lines = [
        b"POST " + path.encode("utf-8", "surrogateescape") + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (f"/v1/incidents?limit={DIGITS}", "limit"),
        (f"/v1/incidents?cursor={DIGITS}", "cursor"),
        (f"/v1/dead-letters?limit={DIGITS}", "limit"),
        (f"/v1/figures?days={DIGITS}", "days"),
    ],
)
async def test_a_number_of_thousands_of_digits_is_too_large(
    plain: App, path: str, place: str
) -> None:
    status, answer = await plain.get(path)
    assert (status, answer["place"]) == (400, place)
    assert len(answer["detail"]) < 300


@pytest.mark.parametrize(("action", "said"), [("acknowledge", 303), ("action-item-done", 400)])
async def test_a_button_with_a_huge_number_is_no_error(plain: App, action: str, said: int) -> None:
    incident = await plain.fire()
    form = {"episode": DIGITS, "number": DIGITS, "name": "Ann"}
    async with plain.session.post(
        f"{plain.url}/incidents/{incident}/{action}", data=form, allow_redirects=False
    ) as answer:
        assert answer.status == said
    assert (await plain.incident(incident))["state"] == "triggered"


@pytest.mark.parametrize(
    "header",
    [
        b"User-Agent: \xff\xfe",
        b"Idempotency-Key: \xff\xfe",
        b"X-Request-ID: \xff\xfe",
        b"Authorization: Bearer \xff\xfe",
        b"Accept: \xff",
        b"Cookie: incident_manager_name=\xff",
        b"traceparent: \xff",
        b"Origin: \xff",
    ],
)
async def test_bytes_beyond_utf8_in_a_header(plain: App, header: bytes) -> None:
    incident = await plain.fire()
    requests = [
        post("/v1/alerts/webhook", b"[]", header),
        post("/v1/incidents", b'{"title": "x"}', header),
        post(f"/v1/incidents/{incident}/note", b'{"text": "x"}', header),
        post(f"/incidents/{incident}/acknowledge", b"", header),
        post("/v1/slack/actions", b"", header),
        *(
            post(path, b"", header).replace(b"POST", b"GET", 1)
            for path in ("/", "/metrics", "/status", "/v1/incidents")
        ),
    ]
    for request in requests:
        status, answer = await raw(plain, request)
        assert status < 500, answer


async def test_hostile_paths_are_answered_without_an_internal_error(plain: App) -> None:
    await plain.fire()
    hostile = ["%00", "%ff%fe", "..%2f..%2fetc", "%0d%0aX:y", "\udcff", "a" * 4000, "%F0%9F%98%80"]
    hostile += ["{0}", "*", "%7b0%7d", "__proto__", "%ed%a0%80"]
    for method, path in PATHS:
        for name in hostile if "{" in path else ():
            for place in ("{id}", "{name}", "{name:.+}", "{action}"):
                path = path.replace(place, name)  # noqa: PLW2901 - one after the other
            request = post(path, b"{}").replace(b"POST", method.encode(), 1)
            status, answer = await raw(plain, request)
            assert status < 500, (path, answer)
            assert b"\r\nX:y" not in answer


@pytest.mark.parametrize("query", ["cluster=%ff%fe", "cluster=%00%0aevil", "cluster=%ed%a0%80"])
async def test_a_hostile_cluster_stays_on_its_line(plain: App, query: str) -> None:
    status, answer = await raw(
        plain,
        post(f"/v1/alerts/webhook?{query}", json.dumps(notification(alert())).encode()),
    )
    assert status == 202, answer
    _, found = await plain.get("/v1/incidents")
    (incident,) = found["incidents"]
    shown = await plain.incident(incident["id"])
    assert shown["group"]["cluster"].isprintable()


async def test_methods_of_ones_own_make_no_series(plain: App) -> None:
    for number in range(3):
        status, _ = await raw(plain, post("/x").replace(b"POST", b"ZAP%d" % number, 1))
        assert status in (400, 404, 405)
    _, page = await plain.get("/metrics")
    assert "ZAP" not in page


BOMBS: dict[str, bytes] = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep in a field that nobody reads": b'{"alerts":[],"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a huge number": b'{"alerts":[],"truncatedAlerts":' + b"9" * 100_000 + b"}",
    "infinite": b'{"alerts":[],"truncatedAlerts":1e999999}',
    "NaN": b'{"alerts":[],"truncatedAlerts":NaN}',
    "lone surrogates": rb'{"alerts":[{"labels":{"a":"\ud800","\udfff":"x"}}],"groupKey":"\udc00"}',
    "duplicate keys": b'{"alerts":[],"alerts":[{"labels":{"a":"b","a":"c"}}],"alerts":[]}',
    "a byte order mark": b"\xef\xbb\xbf" + b'{"alerts":[]}',
    "UTF-16": '{"alerts":[]}'.encode("utf-16"),
    "not UTF-8": b'{"alerts":[],"x":"\xff"}',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
async def test_a_bomb_costs_its_sender_alone(plain: App, body: bytes) -> None:
    for path in ("/v1/alerts/webhook", "/v1/incidents", "/v1/changes"):
        began = time.process_time()
        status, answer = await plain.post(body, path)
        assert status in (201, 202, 400), (path, answer)
        assert time.process_time() - began < 4, path


async def test_a_field_nobody_reads_takes_no_time(plain: App) -> None:
    empty: Any = notification(alert())
    body = json.dumps(empty).replace('"4"', "[" + "[]," * 5_000_000 + "[]]").encode()
    assert 14 << 20 < len(body) < 16 << 20
    began = time.process_time()
    status, _ = await plain.post(body)
    assert status in (202, 400)
    assert time.process_time() - began < 4


async def test_long_idempotency_keys_are_not_cut_to_the_same_one(plain: App) -> None:
    for end in ("a", "b", "a"):
        headers = {"Idempotency-Key": "k" * 300 + end}
        await plain.post({"title": f"trouble {end}"}, "/v1/incidents", headers=headers)
    _, found = await plain.get("/v1/incidents")
    assert sorted(one["title"] for one in found["incidents"]) == ["trouble a", "trouble b"]


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("priority", "priority"),
        ("merge", "into"),
        ("snooze", "for"),
        ("snooze", "until"),
        ("silence", "matchers"),
        ("unsilence", "silence"),
    ],
)
async def test_a_wrong_value_is_not_repeated_at_any_length(
    plain: App, action: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    incident = await plain.fire()
    long: Any = "x" * 1_000_000
    body = {field: [long] if field == "matchers" else long}
    status, answer = await plain.post(body, f"/v1/incidents/{incident}/{action}")
    assert status == 400
    assert len(answer["detail"]) <= 5_000
    assert max(len(record.getMessage()) for record in caplog.records) <= 5_000


NUMBERS: list[tuple[str, dict[str, Any]]] = [
    ("snooze", {"for": "9" * 30 + "h"}),
    ("snooze", {"for": "9" * 5_000 + "h"}),
    ("snooze", {"for": "-1h"}),
    ("snooze", {"until": "9999-12-31T23:59:59+00:00"}),
    ("snooze", {"until": "9999-12-31T23:59:59-23:59"}),
    ("snooze", {"until": "0001-01-01T00:00:00+23:59"}),
    ("silence", {"for": "9" * 30 + "h"}),
    ("acknowledge", {"episode": 10**40}),
    ("acknowledge", {"episode": -(10**40)}),
    ("status-hide", {"update": 10**40}),
    ("action-item-done", {"number": 10**40}),
    ("action-item-done", {"number": 1.5e300}),
]


@pytest.mark.parametrize(("action", "body"), NUMBERS)
async def test_numbers_and_times_beyond_all_measure(
    plain: App, action: str, body: dict[str, Any]
) -> None:
    incident = await plain.fire()
    status, answer = await plain.post(body, f"/v1/incidents/{incident}/{action}")
    assert status in (200, 400, 409), answer
    assert (await plain.incident(incident))["state"] in ("triggered", "snoozed")


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "1e999", "٣", "2026-W01-1"]
)
async def test_a_change_at_no_time_of_this_world_is_refused(plain: App, at: str) -> None:
    status, answer = await plain.post({"summary": "x", "at": at}, "/v1/changes")
    assert (status, answer["place"]) == (400, "at")


NOT_UTF_8 = (
    b'{"title":"\xed\xa0\x80","summary":"\xed\xa0\x80","text":"\xed\xa0\x80","by":"\xed\xa0\x80"}',
    b'{"title":"t","summary":"s","by":"b","other":"\xff"}',
    b'{"\xed\xa0\x80":1}',
    b"\xff",
)
ESCAPED = rb'{"title":"\ud800","summary":"\ud800","text":"\ud800","by":"\ud800"}'


@pytest.mark.parametrize("body", [*NOT_UTF_8, ESCAPED])
async def test_what_is_not_utf_8_is_answered_in_words_everywhere(plain: App, body: bytes) -> None:
    await plain.post(notification(alert()))
    _, listed = await plain.get("/v1/incidents")
    incident = listed["incidents"][0]["id"]
    paths = [path for method, path in PATHS if method == "POST" and "{action}" not in path]
    paths += [f"/v1/incidents/{{id}}/{action}" for action in REGISTRY]
    for path in paths:
        where = path.replace("{id}", incident).replace("{name}", "shop")
        async with plain.session.post(plain.url + where, data=body) as answer:
            assert answer.status < 500, (where, await answer.text())
            if body is not ESCAPED and where.startswith("/v1/incidents"):
                assert answer.status == 400, where
                assert "UTF-8" in (await answer.json())["detail"], where


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, b"longer than 8,190 bytes"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, b"longer than 8,190 bytes"),
        (b"GET /aaa\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"malformed HTTP request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, b"HTTP, not HTTPS"),
    ],
)
async def test_what_is_no_request_is_answered_in_our_words(
    plain: App, request_: bytes, status: int, words: bytes
) -> None:
    answered, answer = await raw(plain, request_)
    assert answered == status
    assert words in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"].encode()
    assert b"aaa" not in answer
    assert b"bytearray" not in answer


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/v1/incidents", b'{"title": "x", "other": "' + b"x" * 1_100_000 + b'"}', 413),
        ("/v1/changes", b'{"summary": "' + b"x" * 1_100_000 + b'"}', 413),
        ("/v1/incidents/ID/note", b'{"text": "' + b"x" * 1_100_000 + b'"}', 413),
        ("/incidents/ID/acknowledge", b"text=x&" * 12_000, 413),
        ("/incidents/ID/acknowledge", b"text=x&" * 600_000, 413),
        ("/v1/alerts/webhook", b'{"alerts": [], "other": "' + b"x" * 1_100_000 + b'"}', 202),
    ],
)
async def test_what_is_no_notification_has_a_bound_of_its_own(
    plain: App, path: str, sent: bytes, status: int
) -> None:
    """It is read on the event loop, and a form of 16 MB would hold that for seconds."""
    incident = await plain.fire()
    kind = "application/json" if sent.startswith(b"{") else "application/x-www-form-urlencoded"
    url = plain.url + path.replace("ID", incident)
    data = io.BytesIO(sent)
    async with plain.session.post(url, data=data, headers={"Content-Type": kind}) as answer:
        assert answer.status == status, await answer.text()
    assert (await plain.incident(incident))["state"] == "triggered"
