"""Long work beside the loop: one piece at a time, its answer as it is, and the loop goes on."""

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from receiver.aio.off_the_loop import (
    SLICE_S,
    SWITCH_S,
    Slices,
    give_way_soon,
    in_slices,
    off_the_loop,
    read_off_the_loop,
)

WHO = contextvars.ContextVar("WHO", default="nobody")


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"a": 1}])
async def test_what_the_work_gives_is_returned_as_it_is(value: object) -> None:
    assert await off_the_loop(lambda: value) is value


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("k"), MemoryError(), RuntimeError()])
async def test_what_the_work_raises_is_raised_here(error: Exception) -> None:
    def work() -> None:
        raise error

    with pytest.raises(type(error)) as found:
        await off_the_loop(work)
    assert found.value is error


async def test_after_work_that_failed_the_next_is_done() -> None:
    with pytest.raises(ZeroDivisionError):
        await off_the_loop(lambda: 1 // 0)
    assert await off_the_loop(lambda: 7) == 7


async def test_the_work_is_in_the_context_of_who_asked_and_changes_nothing_of_it() -> None:
    def work() -> str:
        before = WHO.get()
        WHO.set("the work")
        return before

    async def ask(name: str) -> tuple[str, str]:
        WHO.set(name)
        return await off_the_loop(work), WHO.get()

    found = await asyncio.gather(*[ask(f"n{number}") for number in range(20)])
    assert found == [(f"n{number}", f"n{number}") for number in range(20)]
    assert WHO.get() == "nobody"


async def test_all_work_is_done_by_one_thread_in_the_order_it_was_asked_for() -> None:
    order: list[int] = []
    running, most = 0, 0

    def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(number)
        running -= 1
        return threading.get_ident()

    threads = await asyncio.gather(*[off_the_loop(lambda n=n: work(n)) for n in range(50)])
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads
    assert (order, most) == (list(range(50)), 1)


async def test_the_loop_goes_on_while_the_work_waits() -> None:
    go, went_on = threading.Event(), False

    async def others() -> None:
        nonlocal went_on
        went_on = True
        go.set()

    done, _ = await asyncio.gather(off_the_loop(lambda: go.wait(30)), others())
    assert (done, went_on) == (True, True)


async def test_who_reads_keeps_no_other_work_waiting() -> None:
    go = threading.Event()
    reads = [asyncio.create_task(read_off_the_loop(lambda: go.wait(30))) for _ in range(5)]
    assert await off_the_loop(lambda: "an alert") == "an alert"
    assert not any(read.done() for read in reads)
    go.set()
    assert await asyncio.gather(*reads) == [True] * 5


async def test_those_who_read_wait_for_each_other() -> None:
    threads = await asyncio.gather(*[read_off_the_loop(threading.get_ident) for _ in range(20)])
    assert len(set(threads)) == 1
    assert await off_the_loop(threading.get_ident) != threads[0]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    go = threading.Event()
    first = asyncio.create_task(off_the_loop(lambda: go.wait(30)))
    second = asyncio.create_task(off_the_loop(lambda: 2))
    third = asyncio.create_task(off_the_loop(lambda: 3))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    go.set()
    found = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(one) for one in found[:2]] == [asyncio.CancelledError] * 2
    assert found[2] == 3


def test_two_loops_share_the_thread() -> None:
    first = asyncio.run(off_the_loop(threading.get_ident))
    assert asyncio.run(off_the_loop(threading.get_ident)) == first


def test_threads_give_way_sooner_than_python_would_have_them() -> None:
    before = sys.getswitchinterval()
    try:
        give_way_soon()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        assert before > SWITCH_S or before == pytest.approx(SWITCH_S)
    finally:
        sys.setswitchinterval(before)


class Ticking:
    """A clock that each piece moves on by what it takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def pieces(self, number: int, takes: float) -> Iterator[int]:
        for piece in range(number):
            self.now += takes
            yield piece


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    clock = Ticking()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return clock


@pytest.mark.parametrize(
    ("number", "takes", "turns"),
    [
        (0, 1.0, 0),
        (1, SLICE_S, 0),
        (1, 1.0, 1),
        (5, 1.0, 5),
        (500, 0.0, 0),
        (5, SLICE_S / 4.5, 1),
        (500, SLICE_S / 4.5, 100),
    ],
)
async def test_others_have_their_turn_after_each_slice(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch, number: int, takes: float, turns: int
) -> None:
    given: list[float] = []

    async def sleep(seconds: float) -> None:
        given.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert await in_slices(ticking.pieces(number, takes)) == list(range(number))
    assert given == [0] * turns


async def test_a_piece_that_fails_ends_the_work_with_its_error() -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    with pytest.raises(ValueError, match="the second"):
        await in_slices(pieces())


async def test_pieces_are_not_made_before_their_turn(ticking: Ticking) -> None:
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in ticking.pieces(9, SLICE_S * 2):
            made.append(piece)
            yield piece

    task = asyncio.create_task(in_slices(pieces()))
    await asyncio.sleep(0)
    assert made == [0]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(made) < 9


async def test_a_slice_ends_after_its_time_however_many_pieces_it_has(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    async def sleep(_seconds: float) -> None:
        given.append(ticking.now)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    slices = Slices(SLICE_S)
    for takes in (SLICE_S, SLICE_S / 2, 0.0, SLICE_S / 2, SLICE_S * 3):
        ticking.now += takes
        await slices.end_piece()
    assert given == pytest.approx([SLICE_S * 1.5, SLICE_S * 5])
