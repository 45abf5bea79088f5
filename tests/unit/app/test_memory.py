"""Memory goes back when it has grown and little is going on; what is kept is bounded in bytes."""

import ctypes
import gc

from receiver.app.memory import GROWN_BYTES, Memory, find_trim, spare_what_is_there
from receiver.engine.record_cache import ENTRY_BYTES, NOTHING, RecordCache
from receiver.intake.payload_fields import http_url
from receiver.observability.metrics.process import memory_usage
from routing.remembered import MOST, SHORT, remembered

IDLE = 100 << 20


class Process:
    def __init__(self) -> None:
        self.used = float(IDLE)
        self.worked = 0.0
        self.time = 0.0
        self.trimmed = 0
        self.memory = Memory(self.trim, lambda: self.used, lambda: self.worked, lambda: self.time)

    def trim(self) -> None:
        self.trimmed += 1
        self.used = IDLE + GROWN_BYTES / 2

    async def look(self, *, worked: float) -> bool:
        self.time += 5
        self.worked += worked
        return await self.memory.look()


async def test_memory_goes_back_when_a_storm_is_over() -> None:
    process = Process()
    assert not await process.look(worked=0)
    process.used = IDLE * 3
    assert not await process.look(worked=3)
    assert await process.look(worked=0.1)
    assert (process.trimmed, process.used < IDLE * 1.5) == (1, True)


async def test_what_stays_in_use_is_not_tried_again() -> None:
    process = Process()
    process.trim = lambda: None  # type: ignore[method-assign]
    process.used = IDLE * 2
    process.memory = Memory(process.trim, lambda: process.used, lambda: 0, lambda: process.time)
    process.used = IDLE * 3
    assert await process.look(worked=0)
    assert not await process.look(worked=0)
    process.used += GROWN_BYTES
    assert await process.look(worked=0)


async def test_a_quiet_service_is_left_alone() -> None:
    process = Process()
    for _ in range(100):
        process.used += GROWN_BYTES / 200
        assert not await process.look(worked=0.01)


async def test_a_library_that_cannot_is_not_asked() -> None:
    memory = Memory(None, used=iter((float(IDLE), IDLE * 3.0)).__next__)
    assert not await memory.look()


def test_freed_memory_really_goes_back() -> None:
    trim = find_trim()
    if trim is None:
        return
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    pieces = [libc.malloc(4_000) for _ in range(20_000)]
    for piece in pieces:
        ctypes.memset(piece, 1, 4_000)
    for piece in pieces[:-1]:
        libc.free(piece)
    before = memory_usage()
    trim()
    assert before - memory_usage() > 40 << 20
    libc.free(pieces[-1])


def test_records_are_kept_by_their_bytes_and_what_an_entry_takes() -> None:
    cache = RecordCache(most=10 * (ENTRY_BYTES + 100))
    for number in range(1_000):
        cache.remember(f"g{number}", 1, b"x" * 100)
    assert cache.shown()["entries"] == 10
    cache.remember("g999", 2, b"x" * (2 * ENTRY_BYTES))
    assert cache.shown()["size_bytes"] <= 10 * (ENTRY_BYTES + 100)
    for number in range(1_000):
        cache.forget(f"g{number}")
        cache.forget(f"g{number}")
    assert (cache.shown()["entries"], cache.shown()["size_bytes"]) == (0, 0)
    cache.remember("g", 2, b"new")
    cache.remember("g", 1, b"old")
    assert cache.get("g") == (2, b"new")
    assert cache.get("h") == NOTHING


def test_long_texts_are_not_remembered() -> None:
    found: list[str] = []

    @remembered
    def length(text: str) -> int:
        found.append(text)
        return len(text)

    for size in (SHORT, SHORT, SHORT + 1, SHORT + 1):
        assert length("x" * size) == size
    assert [len(text) for text in found] == [SHORT, SHORT + 1, SHORT + 1]
    assert MOST * SHORT <= 4 << 20
    before = memory_usage()
    for number in range(200):
        assert not http_url(f"http://{number}" + "x" * 1_000_000)
    assert memory_usage() - before < 50 << 20


def test_what_was_used_last_stays_and_what_fits_nowhere_is_not_kept() -> None:
    cache = RecordCache(most=3 * (ENTRY_BYTES + 10))
    for name in "abc":
        cache.remember(name, 1, b"x" * 10)
    cache.get("a")
    cache.remember("d", 1, b"x" * 10)
    assert cache.get("a") == (1, b"x" * 10)
    assert cache.get("b") == NOTHING
    cache.remember("a", 2, b"x" * 3 * (ENTRY_BYTES + 10))
    assert cache.get("a") == NOTHING
    assert cache.shown()["entries"] == 2


def test_what_is_there_once_is_looked_through_no_more() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    there, frozen = Cycle(), gc.get_freeze_count()
    try:
        spare_what_is_there()
        assert gc.get_freeze_count() > frozen
        assert not any(one is there for one in gc.get_objects())
        later = Cycle()
        assert any(one is later for one in gc.get_objects())
    finally:
        gc.unfreeze()
