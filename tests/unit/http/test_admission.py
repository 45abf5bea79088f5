"""Alerts are refused when they would wait too long, people never because of alerts."""

import pytest

from receiver.http.admission import (
    FLOOR,
    LARGE_MOST,
    MOST,
    Admission,
    RequestLane,
    Ticket,
    framing,
    lane_of,
    retry_after,
)
from routing.matcher import label_finder


class Door:
    """An admission with a clock of this test."""

    def __init__(self) -> None:
        self.time = 100.0
        self.refused: list[RequestLane] = []
        self.admission = Admission(self.refused.append, lambda: self.time)
        self.inside: list[Ticket] = []

    def come(
        self, number: int = 1, lane: RequestLane = RequestLane.INTAKE, size: int = 1_000
    ) -> int:
        """Let so many come; return how many were taken."""
        found = [self.admission.enter(lane, size, whole=True) for _ in range(number)]
        taken = [ticket for ticket in found if ticket is not None]
        self.inside += taken
        return len(taken)

    def answer(self, number: int) -> None:
        for _ in range(min(number, len(self.inside))):
            self.admission.leave(self.inside.pop(0))

    def run(self, seconds: float, offered: int, pace: int) -> int:
        """Offer and answer so many a second; return how many were refused."""
        before = len(self.refused)
        for _ in range(int(seconds * 100)):
            self.time += 0.01
            self.come(offered // 100)
            self.answer(pace // 100)
        return len(self.refused) - before


@pytest.fixture
def door() -> Door:
    return Door()


def test_below_what_can_be_answered_nobody_is_refused(door: Door) -> None:
    assert door.run(20, offered=900, pace=1_000) == 0


def test_a_burst_after_a_quiet_time_is_taken(door: Door) -> None:
    door.run(20, offered=100, pace=3_000)
    assert door.come(1_500) == 1_500


@pytest.mark.parametrize(("offered", "pace"), [(5_000, 1_000), (10_000, 500), (2_000, 1_500)])
def test_what_is_taken_waits_about_a_second(door: Door, offered: int, pace: int) -> None:
    door.run(5, offered, pace)
    refused = door.run(10, offered, pace)
    assert refused == pytest.approx(10 * (offered - pace), rel=0.2)
    assert len(door.inside) <= 1.3 * pace


def test_while_nothing_is_answered_almost_nothing_is_taken(door: Door) -> None:
    door.run(5, offered=2_000, pace=1_000)
    door.run(2, offered=2_000, pace=0)
    before = len(door.inside)
    door.run(5, offered=2_000, pace=0)
    assert len(door.inside) - before <= FLOOR


def test_it_recovers_when_the_crowd_is_gone(door: Door) -> None:
    door.run(10, offered=5_000, pace=1_000)
    assert door.refused
    door.run(3, offered=0, pace=1_000)
    assert door.run(20, offered=800, pace=1_000) == 0


def test_people_do_not_wait_behind_alerts(door: Door) -> None:
    door.run(10, offered=5_000, pace=1_000)
    assert door.come(MOST[RequestLane.PEOPLE], RequestLane.PEOPLE) == MOST[RequestLane.PEOPLE]
    assert door.come(1, RequestLane.PEOPLE) == 0
    assert door.refused[-1] is RequestLane.PEOPLE


URGENT_BODY = b'{"alerts": [{"labels": {"severity": "critical"}}]}'


def test_what_looks_urgent_has_places_of_its_own_while_others_are_refused(door: Door) -> None:
    door.admission.looks_urgent = label_finder({"severity": {"critical"}})
    door.run(10, offered=5_000, pace=1_000)
    door.come(2_000)
    assert door.come(1) == 0
    enter = door.admission.enter
    assert enter(RequestLane.INTAKE, 100, whole=True, data=b'{"severity": "warning"}') is None
    taken = [enter(RequestLane.INTAKE, 100, whole=True, data=URGENT_BODY) for _ in range(300)]
    tickets = [one for one in taken if one is not None]
    assert {one.lane for one in tickets} == {RequestLane.URGENT}
    assert len(tickets) == MOST[RequestLane.URGENT]
    for one in tickets:
        door.admission.leave(one)
    assert door.admission.inside()[RequestLane.URGENT] == 0


def test_what_looks_urgent_is_counted_with_the_others_while_there_is_room(door: Door) -> None:
    door.admission.looks_urgent = label_finder({"severity": {"critical"}})
    ticket = door.admission.enter(RequestLane.INTAKE, 100, whole=True, data=URGENT_BODY)
    assert ticket is not None
    assert ticket.lane is RequestLane.INTAKE


def test_large_bodies_are_bounded_and_one_is_always_taken(door: Door) -> None:
    assert door.come(1, size=2 * LARGE_MOST) == 1
    assert door.come(1, size=4_000_000) == 0
    door.answer(1)
    assert door.come(60, size=4_000_000) == LARGE_MOST // 4_000_000
    assert door.come(1, size=1_000) == 1
    door.answer(1_000)
    assert door.come(1, size=4_000_000) == 1


def test_who_drips_takes_no_place_and_spoils_no_measure(door: Door) -> None:
    slow = [door.admission.enter(RequestLane.INTAKE, 100, whole=False) for _ in range(500)]
    assert None not in slow
    assert door.admission.inside()[RequestLane.INTAKE] == 0
    assert door.run(5, offered=50, pace=50) == 0
    for ticket in slow:
        assert ticket is not None
        door.admission.leave(ticket)
    assert door.admission.inside()[RequestLane.INTAKE] == len(door.inside)


def test_those_refused_do_not_come_back_together() -> None:
    assert len({retry_after() for _ in range(200)}) > 2


def test_what_drips_in_takes_its_place_once_all_of_it_is_here(door: Door) -> None:
    ticket = door.admission.enter(RequestLane.INTAKE, 100, whole=False)
    gone = door.admission.enter(RequestLane.INTAKE, 100, whole=False)
    assert ticket is not None
    assert gone is not None
    door.admission.leave(gone)
    for one in (ticket, gone, ticket):
        door.admission.arrived(one)
    assert door.admission.inside()[RequestLane.INTAKE] == 1
    door.admission.leave(ticket)
    assert door.admission.inside()[RequestLane.INTAKE] == 0


def test_what_drips_in_is_refused_like_others_when_all_places_are_taken(door: Door) -> None:
    assert door.come(MOST[RequestLane.INTAKE]) == MOST[RequestLane.INTAKE]
    assert door.admission.enter(RequestLane.INTAKE, 100, whole=False) is None


HEAD = b"POST /v1/alerts/webhook HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\n{}", (True, 2, 0)),
        (HEAD + b"content-length:2\r\nX: y\r\n\r\n{}", (True, 2, 0)),
        (HEAD + b"Content-Length:\t2 \r\n\r\n{", (True, 2, 1)),
        (HEAD + b"Content-Length: 20000\r\n\r\n", (True, 20_000, 20_000)),
        (
            b"POST /im/v1/alerts/webhook/?cluster=a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            (True, 2, 0),
        ),
        (HEAD + b"Content-Length: 2\r\n\r\n{} ", None),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}", None),
        (HEAD + b"Content-Length: +2\r\n\r\n{}", None),
        (HEAD + b"Content-Length: 1_0\r\n\r\n{}", None),
        (HEAD + b"Content-Length: \xb2\r\n\r\n{}", None),
        (HEAD + b"Content-Length: 9999999999\r\n\r\n{}", None),
        (HEAD + b"Content-Length:\r\n\r\n", None),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", None),
        (HEAD + b"Content-Length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}", None),
        (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"connection:close\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"Connection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", (True, 2, 0)),
        (HEAD + b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"A: b\nTransfer: c\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"Content-Length : 2\r\n\r\n{}", None),
        (HEAD + b"A: b\r\n Content-Length: 3\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", None),
        (HEAD + b"Upgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", None),
        (HEAD + b"Content-Length: 2\r\n", None),
        (HEAD + b"\r\n", (True, 0, 0)),
        (HEAD + b"\r\n{}", None),
        (b"GET /v1/alerts/webhook HTTP/1.1\r\nHost: a\r\n\r\n", (False, 0, 0)),
        (b"POST /v1/alerts/webhook HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", (False, 2, 0)),
        (b"POST /v1/slack/actions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", (False, 2, 0)),
        (b"POST /x?/v1/alerts/webhook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", (False, 2, 0)),
        (b"", None),
        (b"\x00\xff", None),
    ],
)
def test_where_a_request_ends_is_read_of_the_plainest_form_alone(
    data: bytes, expected: tuple[bool, int, int] | None
) -> None:
    assert framing(data) == expected


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("POST", "/v1/alerts/webhook", RequestLane.INTAKE),
        ("POST", "/im/v1/alerts/webhook/", RequestLane.INTAKE),
        ("POST", "/v1/integrations/shop/events", RequestLane.INTAKE),
        ("POST", "/v1/slack/events", RequestLane.PEOPLE),
        ("POST", "/v1/slack/actions", RequestLane.PEOPLE),
        ("POST", "/v1/heartbeats/watchdog", RequestLane.PEOPLE),
        ("POST", "/v1/pagerduty/webhook", RequestLane.PEOPLE),
        ("GET", "/", RequestLane.PEOPLE),
        ("GET", "/-/ready", None),
        ("HEAD", "/-/healthy", None),
        ("GET", "/im/health", None),
        ("GET", "/metrics", None),
        ("POST", "/metrics", RequestLane.PEOPLE),
        ("GET", "/status", None),
    ],
)
def test_what_a_request_is_for(method: str, path: str, lane: RequestLane | None) -> None:
    assert lane_of(method, path) is lane
