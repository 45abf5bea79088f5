"""200 histories, each in 5 shuffled and duplicated orders over HTTP, end in the same incident."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.histories import Snapshot, history, payload, shuffled
from tests.support.rig import Rig

NAME = "order"
HISTORIES, ORDERS = 200, 5
RULES = "{rules: [{name: many errors, when: value > 0.05, priority: P1}]}"

Shape = tuple[tuple[tuple[str, ...], ...], str, str]
"""Alerts, priority, state."""
Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report how many histories ended alike in all orders, and what they ended as."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        # An echo is believed after this long: the proof looks before.
        await rig.start(
            LLM_IM__CLASSIFY=RULES,
            LLM_IM__INCIDENTS__ECHO_WINDOW="1h",
            LLM_IM__INCIDENTS__PEER_WINDOW="1h",
            # Whether something flaps depends on the order it is told in (ADR 11).
            LLM_IM__INCIDENTS__FLAPPING__CHANGES="0",
        )
        try:
            shapes = await asyncio.gather(*[_history(rig, seed) for seed in range(HISTORIES)])
        finally:
            await rig.stop()
    alike = sum(len(found) == 1 for found in shapes)
    report("histories alike in all orders", f"{alike}", f"= {HISTORIES}", alike == HISTORIES)
    ends = sorted({shape[2] for found in shapes for shape in found if shape is not None})
    report("states they end in", ", ".join(ends), "both", ends == ["resolved", "triggered"])


async def _history(rig: Rig, seed: int) -> set[Shape | None]:
    told = history(seed)
    orders = [told] + [shuffled(told, seed * 100 + number) for number in range(1, ORDERS)]
    found = [
        await _end(rig, snapshots, f"{seed}-{number}") for number, snapshots in enumerate(orders)
    ]
    return set(found)


async def _end(rig: Rig, told: list[Snapshot], group: str) -> Shape | None:
    """Send a history; return the alerts, state and priority it ends in, None for no incident."""
    names: set[str] = set()
    for snapshot in told:
        status, answer = await rig.post(payload(snapshot, group))
        while status == HTTPStatus.SERVICE_UNAVAILABLE:  # as Alertmanager does
            await asyncio.sleep(1)
            status, answer = await rig.post(payload(snapshot, group))
        if status != HTTPStatus.ACCEPTED:
            raise AssertionError(f"answered {status}: {answer}")
        names.update(answer["incidents"])
    if not names:
        return None
    (name,) = names
    incident = await rig.get(f"/v1/incidents/{name}")
    if "alerts" not in incident:
        raise AssertionError(f"{name}: {incident}")
    fields = ("fingerprint", "starts_at", "status", "ends_at")
    alerts = sorted(tuple(str(alert[field]) for field in fields) for alert in incident["alerts"])
    return tuple(alerts), str(incident["priority"]), str(incident["state"])
