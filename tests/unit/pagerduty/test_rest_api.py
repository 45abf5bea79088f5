"""Times in answers of PagerDuty's REST API: in UTC where they name no zone, none where they are."""

from typing import Any

import pytest

from receiver.clock import Clock
from receiver.pagerduty.rest_api import NoAnswer, OnCall, PagerDutyRest
from tests.support.machine_zone import machine_zone

AT = 1_772_445_600_000


class Answering(PagerDutyRest):
    """Answers every request with the same."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("http://127.0.0.1:9", "token", Clock())
        self._answer = answer

    async def _get(self, _path: str, _query: Any) -> dict[str, Any] | NoAnswer:
        return self._answer


async def shift_end(end: object) -> int:
    user = {"id": "U1", "name": "Ann", "email": "ann@example.com"}
    rest = Answering({"oncalls": [{"user": user, "escalation_level": 1, "end": end}]})
    found = await rest.on_call("P1")
    await rest.close()
    assert isinstance(found, OnCall)
    return found.until


async def changes(timestamp: object) -> list[int]:
    rest = Answering({"change_events": [{"timestamp": timestamp, "summary": "deployed"}]})
    found = await rest.changes(0, AT)
    await rest.close()
    assert isinstance(found, list)
    return [change.at for change in found]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "text", ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00+01:00", "2026-03-02T10:00:00"]
)
async def test_a_time_is_the_same_wherever_the_machine_is(zone: str, text: str) -> None:
    with machine_zone(zone):
        assert await shift_end(text) == AT
        assert await changes(text) == [AT]


@pytest.mark.parametrize("odd", [None, "", "soon", 7, ["2026"], "9999-12-31T23:59:59-23:59"])
async def test_what_is_no_time_is_left_out(odd: object) -> None:
    assert await shift_end(odd) == 0
    assert await changes(odd) == []
