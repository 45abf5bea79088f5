"""What several processes show as one: nothing is added twice, and no sum ever falls."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.app.processes.totals import Totals
from receiver.observability.metrics.family import Across
from receiver.observability.metrics.numbers import Numbers
from receiver.observability.metrics.registry import Metrics
from receiver.observability.metrics.service import Configured, families
from receiver.observability.metrics.whole import NOTHING, Figures, Table, ended, together
from tests.support.places import ROOT


def figures(across: Across, *numbers: float, rises: bool = False, data: bytes = b"") -> Figures:
    return Figures({"x": Table(across, rises, {("a",): numbers})}, (data,))


def one(found: Figures) -> Numbers:
    return found.tables["x"].series[("a",)]


@pytest.mark.parametrize(
    ("across", "wanted"),
    [(Across.SUM, 6), (Across.MAX, 3), (Across.MIN, 1), (Across.MEAN, 2), (Across.SAME, 2)],
)
def test_gauges_become_one_as_they_say(across: Across, wanted: float) -> None:
    own, *others = (figures(across, number) for number in (2, 1, 3))
    assert one(together(own, others, NOTHING)) == (wanted,)


def test_what_is_counted_in_redis_never_falls_while_the_data_is_the_same() -> None:
    own, ahead = (figures(Across.STORED, number, data=b"1") for number in (7, 9))
    other = figures(Across.STORED, 99, data=b"2")
    assert one(together(own, [ahead, other], NOTHING)) == (9,)


def test_other_bounds_of_another_release_are_not_mixed_in() -> None:
    own, other = figures(Across.SUM, 1, 1, 0.5), figures(Across.SUM, 1, 1, 1, 0.5)
    assert one(together(own, [other], NOTHING)) == (1, 1, 0.5)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["count", "page", "kill", "end"]))),
)
def test_no_sum_ever_falls_whoever_is_asked_and_whoever_ends(steps: list[tuple[int, str]]) -> None:
    totals, counts, told, gone, before = Totals(), dict.fromkeys(range(4), 0), {}, 0, 0.0
    key = {process: process for process in range(4)}
    for process, step in steps:
        if step == "count":
            counts[process] += 1
        elif step == "page":
            for other, number in counts.items():
                totals.told(key[other], figures(Across.SUM, number, rises=True))
            told = dict(counts)
            (shown,) = one(totals.whole(key[process]))
            assert shown == gone + sum(counts.values()) >= before
            before = shown
        else:
            if step == "end":  # it tells what it counted to the end
                totals.told(key[process], figures(Across.SUM, counts[process], rises=True))
                told[process] = counts[process]
            totals.end(key[process])
            gone += told.pop(process, 0)
            counts[process], key[process] = 0, key[process] + 4


def test_a_gauge_of_one_that_ended_is_gone() -> None:
    assert ended(NOTHING, figures(Across.SUM, 5)).tables == {}


def test_the_figures_of_a_process_survive_the_way_to_another() -> None:
    metrics = Metrics(version="1", integrations=("slack",), channels=("slack",))
    metrics.received("alertmanager", "critical", 3)
    metrics.notified("slack", "success", 0.2)
    sent = metrics.figures()
    got = msgspec.convert(msgspec.msgpack.decode(msgspec.msgpack.encode(sent)), Figures)
    assert got == sent
    page, _ = metrics.render(whole=together(sent, [got], ended(NOTHING, got)))
    text = page.decode()
    series = 'alerts_received_total{severity="critical",source="alertmanager",type="alert"}'
    assert f"{series} 9.0" in text


def test_every_gauge_is_explained_for_several_processes() -> None:
    """docs/operations.md names each under the function of PromQL that makes it one."""
    rows = [
        row.split("|")[1:3]
        for row in (ROOT / "docs" / "operations.md").read_text().splitlines()
        if row.startswith(("| `sum", "| `max", "| `min", "| `avg"))
    ]
    told = {
        name.strip().strip("`"): function.strip().strip("`()")
        for function, names in rows
        for name in names.split(",")
    }
    config = Configured((), (), (), {}, (), (), ())
    functions = {Across.SAME: "max", Across.STORED: "max"}
    wanted = {
        family.name: functions.get(family.across, str(family.across))
        for family in families(config)
        if family.kind == "gauge"
    }
    assert told == wanted
