"""What is made of webhook bodies: those of every known sender, broken ones, and any bytes."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.errors import PayloadError
from receiver.intake.payload import JunkPayloadError, Payload, parse_payload
from receiver.intake.payload_json import load_json
from receiver.intake.payload_lenient import lenient_payload
from routing.alert import Alert
from routing.fingerprint import fingerprint_of
from tests.support.payload_bodies import NOW, ZERO, firing, parse, webhook
from tests.support.places import ROOT

PAYLOADS = ROOT / "tests" / "support" / "payloads"


def sample(name: str) -> Payload:
    return parse_payload((PAYLOADS / f"{name}.json").read_bytes(), NOW)


class TestSenders:
    def test_alertmanager(self) -> None:
        assert sample("alertmanager_0_25") == Payload(
            receiver="web.hook(team-X)+1",
            group_key='{}:{alertname="HighLatency", dc="eu"}',
            group_labels={"alertname": "HighLatency", "dc": "eu"},
            external_url="http://alertmanager-0:9093",
            truncated=0,
            alerts=(
                Alert(
                    fingerprint="6959f829c787cd60",
                    labels={
                        "alertname": "HighLatency",
                        "dc": "eu",
                        "instance": "a:9100",
                        "job": "api",
                        "severity": "critical",
                    },
                    annotations={
                        "summary": "p99 <b> & slow",
                        "runbook_url": "https://runbooks.example.com/api/HighLatency",
                    },
                    starts_at=1767303245123,
                    generator_url="http://prom:9090/graph?g0.expr=up&g0.tab=1",
                ),
                Alert(
                    fingerprint="a963197b9a385cad",
                    labels={
                        "alertname": "HighLatency",
                        "dc": "eu",
                        "instance": "b:9100",
                        "job": "api",
                        "severity": "critical",
                    },
                    starts_at=1767322800000,
                    resolved=True,
                    ends_at=1767324600500,
                ),
            ),
            rejected=(),
            source="alertmanager",
        )

    def test_alertmanager_with_notification_reason_and_truncation(self) -> None:
        payload = sample("alertmanager_0_32")
        assert (payload.truncated, len(payload.alerts), payload.source) == (3, 2, "alertmanager")

    def test_alertmanager_with_route_labels_and_utf8(self) -> None:
        payload = sample("alertmanager_0_34")
        assert payload.alerts[0].labels["emoji"] == "🔥"
        assert payload.alerts[0].starts_at == 1795213601050
        assert payload.group_key == '{}/{"service.name"="shop"}:{alertname="Überlast"}'

    @pytest.mark.parametrize(
        ("name", "resolved", "ends_at"),
        [("grafana_values", False, 0), ("grafana_values_null", True, 1772356800000)],
    )
    def test_grafana(self, name: str, ends_at: int, *, resolved: bool) -> None:
        payload = sample(name)
        (alert,) = payload.alerts
        assert (payload.source, payload.rejected) == ("grafana", ())
        assert (alert.resolved, alert.ends_at, alert.starts_at) == (
            resolved,
            ends_at,
            1772355600000,
        )

    def test_grafana_test_button(self) -> None:
        payload = sample("grafana_test_button")
        assert (payload.truncated, len(payload.alerts)) == (1, 1)

    def test_grafana_before_8_is_junk(self) -> None:
        with pytest.raises(JunkPayloadError, match=r"\$\.alerts: .*Grafana before version 8"):
            sample("grafana_legacy")

    @pytest.mark.parametrize("name", ["vmalert", "mimir"])
    def test_others_behind_an_alertmanager(self, name: str) -> None:
        payload = sample(name)
        assert (payload.source, payload.rejected, len(payload.alerts)) == ("alertmanager", (), 1)
        assert payload.alerts[0].generator_url

    def test_old_sample_with_integer_group_key(self) -> None:
        payload = sample("old_integer_group_key")
        assert payload.group_key == "7946789472378946823"
        assert payload.source == "other"
        assert payload.alerts[0].fingerprint == fingerprint_of({"alertname": "DiskFull"})

    def test_least_of_all(self) -> None:
        payload = sample("version_0")
        (alert,) = payload.alerts
        assert payload.group_key == 'derived/:{alertname="DiskFull"}'
        assert (alert.starts_at, alert.resolved, alert.ends_at) == (0, False, 0)
        assert (alert.annotations, alert.generator_url) == ({}, "")
        assert payload.rejected == ()

    def test_sloppy_third_party(self) -> None:
        payload = sample("third_party_sloppy")
        first, second, third, fourth = payload.alerts
        assert first.labels == {
            "alertname": "QueueDepth",
            "queue": "17",
            "ratio": "0.75",
            "paused": "false",
            "severity": "warning",
        }
        assert first.annotations == {"value": "1200", "values": '{"A": 1}'}
        assert [alert.starts_at for alert in payload.alerts] == [
            0,
            0,
            1767323045000,
            1767323045000,
        ]
        assert second.labels == {"alertname": "QueueDepth", "queue": "18"}
        assert (second.resolved, second.ends_at) == (False, 0)
        assert (third.resolved, third.ends_at) == (True, 1767352200999)
        assert (fourth.resolved, fourth.ends_at) == (False, 0)
        assert [(entry.index, entry.kept, entry.reason) for entry in payload.rejected] == [
            (1, True, "label owner: expected a string, found an object; left out"),
            (4, False, "expected an object, found a string"),
            (
                5,
                False,
                "it has neither labels nor a fingerprint, so nothing identifies it",
            ),
        ]
        assert payload.rejected[1].raw == '"not an alert"'

    def test_no_alerts(self) -> None:
        payload = sample("empty_alerts")
        assert (payload.alerts, payload.rejected, payload.group_key) == ((), (), "{}:{}")

    def test_start_in_the_future_is_kept(self) -> None:
        (alert,) = sample("resolved_timeout").alerts
        assert alert.starts_at == alert.ends_at == 2051222400000

    @pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
    def test_both_readings_agree(self, path: Path) -> None:
        try:
            expected = lenient_payload(load_json(path.read_bytes()), NOW, 10000)
        except JunkPayloadError:
            with pytest.raises(JunkPayloadError):
                parse_payload(path.read_bytes(), NOW)
        else:
            assert parse_payload(path.read_bytes(), NOW) == expected


class TestBounds:
    def test_long_texts_are_cut(self) -> None:
        (alert,) = parse(
            webhook(
                firing(
                    labels={"alertname": "X" * 1_000_000, "n" * 5000: "v", "fits": "y" * 4096},
                    annotations={"summary": "S" * 1_000_000},
                )
            )
        ).alerts
        assert alert.labels["alertname"] == "X" * 4095 + "…"
        assert alert.labels["n" * 4095 + "…"] == "v"
        assert alert.labels["fits"] == "y" * 4096
        assert alert.annotations["summary"] == "S" * 16383 + "…"

    def test_more_labels_than_the_bound(self) -> None:
        payload = parse(webhook(firing(labels={f"l{n:03}": "v" for n in range(300)})))
        assert len(payload.alerts[0].labels) == 256
        assert payload.rejected[0].kept
        assert payload.rejected[0].reason == "more than 256 labels; the rest is left out"

    @pytest.mark.parametrize("extra", [{}, {"groupKey": 1}])
    def test_more_alerts_than_the_bound_count_as_truncated(self, extra: dict[str, object]) -> None:
        payload = parse(webhook(*[firing()] * 5, truncatedAlerts=2, **extra), max_alerts=3)
        assert (len(payload.alerts), payload.truncated) == (3, 4)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (7, 7),
            ("7", 7),
            (7.0, 7),
            (-1, 0),
            (None, 0),
            (True, 0),
            ("x", 0),
            ([], 0),
            (10**30, 10**9),
        ],
    )
    def test_truncated(self, value: object, expected: int) -> None:
        assert parse(webhook(firing(), truncatedAlerts=value)).truncated == expected

    def test_control_characters_and_lone_surrogates(self) -> None:
        body = json.dumps(webhook(firing(labels={"a\u0000b": "x\u0007\r\ty\n", "s": "\ud800z"})))
        (alert,) = parse_payload(body.encode(), NOW).alerts
        assert alert.labels == {"ab": "x\ty\n", "s": "\ufffdz"}

    def test_raw_control_characters_in_strings(self) -> None:
        body = b'{"alerts": [{"labels": {"alertname": "a\nb\x00c"}}]}'
        assert parse_payload(body, NOW).alerts[0].labels == {"alertname": "a\nbc"}

    def test_escaped_backslashes_stay(self) -> None:
        (alert,) = parse(webhook(firing(labels={"path": r"C:\foo\bar", "re": r"a\.b"}))).alerts
        assert alert.labels == {"path": r"C:\foo\bar", "re": r"a\.b"}

    def test_numbers_json_does_not_have(self) -> None:
        body = (
            b'{"alerts": [{"labels": {"a": NaN, "b": -Infinity, "c": 1e999, "d": '
            + b"9" * 5000
            + b"}}]}"
        )
        (alert,) = parse_payload(body, NOW).alerts
        assert alert.labels["a"] == "NaN"
        assert alert.labels["b"] == "-Infinity"
        assert alert.labels["c"] == "1e999"
        assert alert.labels["d"] == "9" * 4095 + "…"

    @pytest.mark.parametrize("extra", [b"", b', "fingerprint": 1'])
    def test_last_of_duplicate_keys_counts(self, extra: bytes) -> None:
        body = b'{"alerts": [{"labels": {"a": "1", "a": "2"}, "labels": {"a": "3", "a": "4"}'
        assert parse_payload(body + extra + b"}]}", NOW).alerts[0].labels == {"a": "4"}
        whole = json.dumps(webhook(firing())).encode()
        doubled = whole.replace(b'"X"}, "annotations"', b'"W", "alertname": "Y"}, "annotations"')
        assert parse_payload(doubled, NOW).alerts[0].labels == {"alertname": "Y"}

    def test_raw_is_short_ascii(self) -> None:
        payload = parse(webhook(["ü\ud800" * 5000]))
        (entry,) = payload.rejected
        assert len(entry.raw.encode("ascii")) == 4096
        assert not entry.kept


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b"", "line 1 column 1: expected a JSON object, found an empty body"),
            (b" \n", "line 1 column 1: expected a JSON object, found an empty body"),
            (b"hello", "line 1 column 1: expected a JSON value"),
            (b'{"a":\n  1,\n  x}', "line 3 column 3: expected property name"),
            (b'{"a" 1}', "line 1 column 6: expected ':' delimiter"),
            (b'{"a": "b', "line 1 column 7: expected an end of the string that begins here"),
            (b"{} {}", "line 1 column 4: expected the end of the body"),
            (b'{"a": "\\x"}', r"line 1 column 8: invalid \\escape"),
            (
                b'{"a":\n "\xc3\xbc\xff"}',
                "line 2 column 4: expected JSON in UTF-8, found the byte 0xff",
            ),
            (b'\xff\xfe{\x00"\x00', "line 1 column 1: expected JSON in UTF-8"),
            (b'{"alerts": [' + b"1," * 1_000_000 + b"1]}", "at most 1000000 values"),
            (b"[" * 100_000, "expected at most 200 levels of nesting"),
            (b'{"alerts":' + b"[" * 500 + b"]" * 500 + b"}", "expected at most 200 levels"),
            (b'{"a":' * 250 + b"1" + b"}" * 250, "expected at most 200 levels"),
        ],
    )
    def test_unparseable(self, body: bytes, text: str) -> None:
        with pytest.raises(PayloadError, match=text) as caught:
            parse_payload(body, NOW)
        assert not isinstance(caught.value, JunkPayloadError)

    @pytest.mark.parametrize(
        ("document", "place", "text"),
        [
            (None, "$", "found null"),
            (1, "$", "found a number"),
            (True, "$", "found a boolean"),
            ("x", "$", "found a string"),
            ([{"labels": {}}], "$", "Alertmanager's own API"),
            ({}, "$.alerts", "expected a list, found nothing"),
            ({"alerts": None}, "$.alerts", "found null"),
            ({"alerts": {}}, "$.alerts", "found an object"),
        ],
    )
    def test_junk(self, document: object, place: str, text: str) -> None:
        with pytest.raises(JunkPayloadError, match=text) as caught:
            parse(document)
        assert caught.value.position == place

    def test_byte_order_mark(self) -> None:
        body = b"\xef\xbb\xbf" + json.dumps(webhook(firing())).encode()
        assert len(parse_payload(body, NOW).alerts) == 1

    def test_nested_within_the_bound(self) -> None:
        deep = json.loads("[" * 190 + "]" * 190)
        assert len(parse(webhook(firing(values=deep), groupKey=1)).alerts) == 1


def check_result(payload: Payload, items: int) -> None:
    """What holds for the payload of any body."""
    texts = [payload.receiver, payload.group_key, payload.external_url]
    texts += [*payload.group_labels, *payload.group_labels.values()]
    for alert in payload.alerts:
        assert alert.starts_at >= 0
        assert alert.resolved or alert.ends_at == 0
        assert 1 <= len(alert.fingerprint) <= 64
        texts += [alert.fingerprint, alert.generator_url, *alert.labels, *alert.labels.values()]
        texts += [*alert.annotations, *alert.annotations.values()]
    for entry in payload.rejected:
        texts += [entry.reason, entry.raw]
    for text in texts:
        assert not set(text.encode().decode()) & set(map(chr, [*range(9), *range(11, 32)]))
    lost = sum(not entry.kept for entry in payload.rejected)
    assert len(payload.alerts) + lost == items


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec=None), max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)
TIMES = st.sampled_from(
    [
        ZERO,
        "",
        "2026-01-02T03:04:05.123456789+05:30",
        "0001-01-01T00:00:00+05:30",
        "9999-12-31T23:59:59.999999999-12:00",
    ]
) | st.datetimes().map(lambda when: when.isoformat() + "Z")
LABELS = st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=6)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return usual | usual | ANY_JSON


def alerts_of(wrap: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"status": wrap(st.sampled_from(["firing", "resolved"]))},
        optional={
            "labels": wrap(LABELS),
            "annotations": wrap(LABELS),
            "startsAt": wrap(TIMES),
            "endsAt": wrap(TIMES),
            "generatorURL": wrap(st.text() | st.just("https://x/")),
            "fingerprint": wrap(st.text("0123456789abcdef", min_size=16, max_size=16)),
        },
    )


def webhooks_of(wrap: Any, items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"alerts": st.lists(items, max_size=4)},
        optional={
            "version": wrap(st.sampled_from(["0", "1", "3", "4"])),
            "groupKey": wrap(st.text(max_size=50)),
            "receiver": wrap(st.text(max_size=20)),
            "status": wrap(st.sampled_from(["firing", "resolved"])),
            "groupLabels": wrap(LABELS),
            "commonLabels": wrap(LABELS),
            "externalURL": wrap(st.text(max_size=20)),
            "truncatedAlerts": wrap(st.integers(0, 50)),
            "orgId": wrap(st.integers()),
        },
    )


class TestAnything:
    @given(st.binary())
    @example(b'{"alerts": []}')
    def test_any_bytes(self, body: bytes) -> None:
        with suppress(PayloadError):
            parse_payload(body, NOW)

    @given(st.binary(max_size=20), st.integers(0, 700), st.integers(0, 40))
    def test_any_damage_to_a_webhook(self, noise: bytes, place: int, length: int) -> None:
        body = json.dumps(webhook(firing(), firing())).encode()
        damaged = body[:place] + noise + body[place + length :]
        with suppress(PayloadError):
            payload = parse_payload(damaged, NOW)
            check_result(payload, len(json.loads(damaged, strict=False)["alerts"]))

    @given(ANY_JSON)
    @example([{}])
    def test_any_json(self, document: object) -> None:
        if isinstance(document, dict) and isinstance(document.get("alerts"), list):
            check_result(parse(document), len(document["alerts"]))
        else:
            with pytest.raises(JunkPayloadError) as caught:
                parse(document)
            caught.value.message.encode()

    @given(webhooks_of(mostly, mostly(alerts_of(mostly))))
    def test_any_near_webhook(self, document: dict[str, Any]) -> None:
        check_result(parse(document), len(document["alerts"]))

    @given(webhooks_of(lambda usual: usual, alerts_of(lambda usual: usual)))
    def test_both_readings_of_a_webhook_agree(self, document: dict[str, Any]) -> None:
        full = webhook() | document
        alerts = full["alerts"] = [firing() | alert for alert in document["alerts"]]
        for body in (json.dumps(full).encode(), json.dumps(full, ensure_ascii=False).encode()):
            fast = parse_payload(body, NOW)
            assert fast == lenient_payload(load_json(body), NOW, 10000)
            assert len(fast.alerts) == len(alerts)
            assert fast.rejected == ()


def test_alerts_in_a_row_share_the_annotations_they_have_in_common() -> None:
    said = [{"summary": "a"}, {"summary": "a"}, {"summary": "b"}, {}]
    payload = parse(webhook(*[firing(annotations=notes) for notes in said]))
    found = [alert.annotations for alert in payload.alerts]
    assert found == said
    assert found[0] is found[1]
