"""Times, fingerprints, group keys and names as they come out of a webhook body."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.intake.payload import parse_payload
from receiver.intake.payload_fields import epoch_ms, http_url, unquote_receiver
from routing.fingerprint import fingerprint_of
from tests.support.payload_bodies import NOW, ZERO, firing, parse, webhook, without


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-01-02T03:04:05Z", 1767323045000),
            ("2026-01-02T03:04:05.1Z", 1767323045100),
            ("2026-01-02T03:04:05.9999999Z", 1767323045999),
            ("2026-01-02T03:04:05.123456789+05:30", 1767303245123),
            ("2026-01-02T03:04:05.123456789-08:00", 1767351845123),
            ("2026-01-02t03:04:05z", 1767323045000),
            (" 2026-01-02 03:04:05", 0),
            ("2026-01-02 03:04:05", 1767323045000),
            (ZERO, 0),
            ("0001-01-01T00:00:00+05:30", 0),
            ("0001-01-01T00:00:00-05:00", 0),
            ("1969-12-31T23:59:59Z", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("8999-12-31T23:59:59Z", 221845391999000),
            ("9999-12-31T23:59:59.999999999-23:59", 0),
            ("10000-01-01T00:00:00Z", 0),
            ("2026-02-30T00:00:00Z", 0),
            ("2026-01-02T03:04:05+99:00", 0),
            ("1767323045", 1767323045000),
            ("1767323045123", 1767323045123),
            ("1767323045.5", 1767323045500),
            ("2026", 0),
            ("-1", 0),
            ("nan", 0),
            ("inf", 0),
            ("", 0),
            ("yesterday", 0),
            ("2026-01-02T03:04:05." + "1" * 1000 + "Z", 0),
        ],
    )
    def test_text_to_milliseconds(self, text: str, expected: int) -> None:
        assert epoch_ms(text) == expected

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        assert epoch_ms(text) >= 0

    @given(
        st.datetimes(timezones=st.timezones()),
    )
    def test_any_time_in_any_zone(self, when: Any) -> None:
        assert 0 <= epoch_ms(when.isoformat()) < 2**53

    @pytest.mark.parametrize("value", [None, "", ZERO, "soon", True, [], "9999-01-01T00:00:00Z"])
    def test_start_that_is_none(self, value: object) -> None:
        assert parse(webhook(firing(startsAt=value))).alerts[0].starts_at == 0

    def test_start_does_not_depend_on_now(self) -> None:
        body = json.dumps(webhook(firing(startsAt="2090-01-01T00:00:00Z"))).encode()
        assert parse_payload(body, NOW).alerts == parse_payload(body, NOW + 1).alerts

    @pytest.mark.parametrize(
        ("status", "ends_at", "payload_status", "resolved"),
        [
            (None, "2020-01-01T00:00:00Z", "firing", True),
            (None, "2099-01-01T00:00:00Z", "resolved", False),
            (None, ZERO, "resolved", True),
            (None, ZERO, "firing", False),
            (None, None, "nonsense", False),
            ("nonsense", ZERO, None, False),
            ("ok", ZERO, "firing", True),
            ("alerting", "2020-01-01T00:00:00Z", "resolved", False),
            ("firing", "2020-01-01T00:00:00Z", "resolved", False),
            ("Resolved", ZERO, "firing", True),
        ],
    )
    def test_status(
        self, status: object, ends_at: object, payload_status: object, *, resolved: bool
    ) -> None:
        alert = firing(status=status, endsAt=ends_at)
        assert parse(webhook(alert, status=payload_status)).alerts[0].resolved is resolved


class TestFingerprint:
    """The pairs were read back from Alertmanager 0.25's /api/v2/alerts."""

    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            (
                {
                    "severity": "critical",
                    "alertname": "HighLatency",
                    "job": "api",
                    "instance": "a:9100",
                    "dc": "eu",
                },
                "6959f829c787cd60",
            ),
            (
                {
                    "alertname": "HighLatency",
                    "dc": "eu",
                    "instance": "b:9100",
                    "job": "api",
                    "severity": "critical",
                },
                "a963197b9a385cad",
            ),
            (
                {
                    "alertname": "Überlast",
                    "dc": "eu",
                    "emoji": "🔥",
                    "ort": "München",
                    "empty": "",
                },
                "6a02c8642d32594a",
            ),
            ({"alertname": "x"}, "d240efc3896bf266"),
        ],
    )
    def test_as_alertmanager_computes_it(self, labels: dict[str, str], expected: str) -> None:
        assert fingerprint_of(labels) == expected
        alert = without(firing(labels=labels), "fingerprint")
        assert parse(webhook(alert)).alerts[0].fingerprint == expected

    def test_of_a_large_label_set(self) -> None:
        large = [fingerprint_of({"a": "x" * 5000 + end}) for end in "12"]
        assert large[0] != large[1]
        assert {len(text) for text in large} == {16}

    @pytest.mark.parametrize("value", [None, "", [], {}])
    def test_that_is_none(self, value: object) -> None:
        alert = firing(labels={"alertname": "x"}, fingerprint=value)
        assert parse(webhook(alert)).alerts[0].fingerprint == "d240efc3896bf266"

    def test_that_is_a_number_or_too_long(self) -> None:
        alerts = parse(
            webhook(
                firing(fingerprint=17),
                firing(fingerprint="a" * 1000),
                firing(fingerprint="a" * 1001),
            )
        ).alerts
        assert alerts[0].fingerprint == "17"
        assert [len(alert.fingerprint) for alert in alerts[1:]] == [64, 64]
        assert alerts[1].fingerprint != alerts[2].fingerprint

    def test_duplicates_are_all_returned(self) -> None:
        assert len(parse(webhook(firing(), firing())).alerts) == 2


class TestGroupKey:
    @staticmethod
    def key(*alerts: object, **fields: object) -> str:
        return parse(without(webhook(*alerts), "groupKey") | fields).group_key

    def test_from_group_labels_in_any_order(self) -> None:
        keys = {
            self.key(firing(), groupLabels={"dc": "eu", "a": "1"}),
            self.key(firing(status="resolved"), groupLabels={"a": "1", "dc": "eu"}),
        }
        assert keys == {'derived/incidents:{a="1", dc="eu"}'}

    def test_without_group_labels_is_the_same_when_an_alert_leaves(self) -> None:
        one = firing(labels={"alertname": "X", "i": "1"}, fingerprint="")
        two = firing(labels={"alertname": "X", "i": "2"}, fingerprint="")
        both = self.key(one, two, groupLabels={}, commonLabels={"alertname": "X"})
        left = self.key(
            two | {"status": "resolved"},
            groupLabels=None,
            commonLabels={"alertname": "X", "i": "2"},
        )
        assert both == left == 'derived/incidents:{alertname="X"}'

    def test_without_alertname_one_alert_is_its_group(self) -> None:
        alert = firing(labels={"b": "2", "a": "1"})
        key = self.key(alert, alert, groupLabels=None, commonLabels=None)
        assert key == 'derived/incidents:{a="1", b="2"}'

    def test_without_anything_the_receiver_is_the_group(self) -> None:
        alerts = [firing(labels={"alertname": name}, fingerprint="") for name in "ab"]
        assert self.key(*alerts, groupLabels=None, commonLabels=None) == "derived/incidents:{}"
        assert self.key(groupLabels=None, commonLabels=None) == "derived/incidents:{}"

    @pytest.mark.parametrize("value", [None, "", True, 1.5, [], {}, "\x00"])
    def test_that_is_none(self, value: object) -> None:
        key = self.key(firing(), groupKey=value)
        assert key == 'derived/incidents:{alertname="X"}'

    def test_that_is_too_long_stays_distinct(self) -> None:
        keys = [self.key(firing(), groupKey="x" * 10000 + end) for end in "12"]
        assert keys[0] != keys[1]
        assert all(len(key) <= 4096 for key in keys)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("https://grafana.example.com/d/1?a=b&c=d", True),
            ("HTTP://x/", True),
            ("javascript:alert(1)", False),
            ("//x/", False),
            ("http://x/a b", False),
            ("http://x/\n", False),
            ("http://x/\u202e", False),
            ("http://" + "x" * 9000, False),
            ("", False),
        ],
    )
    def test_only_http_urls(self, text: str, *, kept: bool) -> None:
        assert http_url(text) == (text if kept else "")
        payload = parse(webhook(firing(generatorURL=text), externalURL=text))
        assert payload.external_url == payload.alerts[0].generator_url == (text if kept else "")

    @given(st.text())
    def test_receiver_is_unquoted(self, name: str) -> None:
        quoted = "".join("\\" + c if c in r"\.+*?()|[]{}^$" else c for c in name)
        assert unquote_receiver(quoted) == name
