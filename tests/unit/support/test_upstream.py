"""Some histories of the model of what sends to us; ``make prove`` has a thousand of them."""

import pytest

from tests.support.upstream_history import history, in_order
from tests.support.upstream_judge import judge, tell

SEEDS = range(50)


@pytest.mark.parametrize("asks", [False, True])
def test_what_fires_is_what_the_alertmanagers_say_and_somebody_was_paged(*, asks: bool) -> None:
    verdicts = []
    for seed in SEEDS:
        told = history(seed)
        for order in range(2):
            deliveries = in_order(told, order)
            verdict = judge(told, deliveries, tell(told, deliveries, asks=asks), asks=asks)
            assert (verdict.wrong, verdict.unpaged) == ("", ""), f"seed {seed}, order {order}"
            assert verdict.pages <= verdict.bound
            verdicts.append(verdict)
    assert sum(verdict.pages for verdict in verdicts) > len(verdicts)


def test_histories_have_in_them_what_makes_it_hard() -> None:
    told = [history(seed) for seed in SEEDS]
    copies = [copy for one in told for each in one.delivered for copy in each.alerts]
    assert sum(bool(copy.ends) for copy in copies) > 200
    ahead = [
        each.sent < copy.starts - 60_000
        for one in told
        for each in one.delivered
        for copy in each.alerts
    ]
    assert any(ahead)
    assert {each.sender for one in told for each in one.delivered} == {0, 1}

    def stale(one: object) -> int:
        known: dict[tuple[str, int], int] = {}
        found = 0
        for each in sorted(one.delivered):  # type: ignore[attr-defined]
            for copy in each.alerts:
                found += not copy.ends and (copy.fingerprint, copy.starts) in known
                if copy.ends:
                    known[copy.fingerprint, copy.starts] = copy.ends
        return found

    assert sum(stale(one) > 0 for one in told) > 10
