"""Damaged append-only files, on a real server: what a start mends and what it refuses."""

import asyncio
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.embedded import append_only_damage, append_only_repair
from receiver.store.embedded.append_only import FOLDER, State, read_file
from receiver.store.embedded.append_only_damage import CREATED, How, examine, refuse_missing_files
from receiver.store.embedded.append_only_repair import COPIES, mend
from receiver.store.embedded.manifest import MANIFEST
from receiver.store.embedded.self_repair import SAID_FOR_MS, acknowledge, told
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect

CHANGES = 6
COMMANDS = "appendonly.aof.1.incr.aof"
BASE = "appendonly.aof.1.base.rdb"
COMMIT = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
return 1
"""


def incident(number: int) -> str:
    return f"0-{number:016x}-1"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with six changes, each of two commands in one transaction, after a clean stop."""
    folder = tmp_path_factory.mktemp("written") / "valkey"

    async def write() -> None:
        server = EmbeddedValkey(folder)
        await server.start()
        client = connect(server.url)
        commit = client.register_script(COMMIT)
        for number in range(CHANGES):
            name = incident(number)
            await commit(
                keys=[f"im:{{0}}:i:{name}", f"im:{{0}}:t:{name}"], args=[f'{{"number": {number}}}']
            )
        await client.aclose(close_connection_pool=True)
        await server.stop()

    asyncio.run(write())
    return folder


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "valkey"))


def commands(data: Path) -> Path:
    return data / FOLDER / COMMANDS


def ends(content: bytes) -> list[int]:
    """Where each transaction ends."""
    mark, found = b"*1\r\n$4\r\nEXEC\r\n", []
    at = content.find(mark)
    while at >= 0:
        found.append(at + len(mark))
        at = content.find(mark, at + 1)
    return found


def snapshot(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / FOLDER).iterdir()}


async def numbers(data: Path) -> list[int]:
    """Start a server on the data; return which changes are there, each of them whole."""
    server = EmbeddedValkey(data)
    await server.start()
    client = connect(server.url)
    try:
        found = []
        for number in range(CHANGES + 1):
            name = incident(number)
            record = await client.get(f"im:{{0}}:i:{name}")
            lines = await client.lrange(f"im:{{0}}:t:{name}", 0, -1)
            assert lines == ([record] if record else [])
            found += [number] if record else []
        return found
    finally:
        await client.aclose(close_connection_pool=True)
        await server.stop()


async def refused(data: Path) -> str:
    """Expect the start to refuse and to have changed no file; return its words."""
    before = snapshot(data) if (data / FOLDER).exists() else {}
    server = EmbeddedValkey(data)
    with pytest.raises(StoreUnavailableError) as caught:
        await server.start()
    await server.stop()
    assert not before or snapshot(data) == before
    assert not (data / COPIES).exists()
    return str(caught.value)


def copies(data: Path) -> list[Path]:
    return sorted((data / COPIES).iterdir()) if (data / COPIES).exists() else []


# -- what a start mends by itself --------------------------------------------------------------


@pytest.mark.parametrize("zeros", [1, 4_096, 1_048_576])
async def test_zero_bytes_at_the_end_are_cut_off_and_a_copy_is_kept(data: Path, zeros: int) -> None:
    file = commands(data)
    whole = file.read_bytes()
    file.write_bytes(whole + bytes(zeros))
    assert await numbers(data) == list(range(CHANGES))
    assert file.read_bytes() == whole
    (copy,) = copies(data)
    assert (copy / COMMANDS).read_bytes() == whole + bytes(zeros)
    words = told(data, _now())
    assert f"{zeros:,} zero bytes" in words
    assert "nothing but zeros" in words
    assert str(copy) in words


def test_a_tail_cut_at_any_byte_loses_the_last_change_and_nothing_else(data: Path) -> None:
    file = commands(data)
    whole = file.read_bytes()
    last, end = ends(whole)[-2:]
    assert end == len(whole)
    for size in range(last, end):
        for zeros in (0, 4_096):
            file.write_bytes(whole[:size] + bytes(zeros))
            reading = read_file(file)
            assert reading.good == last, (size, zeros, reading)
            assert reading.changes == CHANGES - 1
            complete = size == last and not zeros
            assert reading.state is (State.WHOLE if complete else State.UNFINISHED)


@pytest.mark.parametrize("zeros", [0, 512])
@pytest.mark.parametrize("missing", [1, 2, 15, 40, 90, 130])
async def test_a_start_with_a_cut_tail_keeps_all_but_half_a_change(
    data: Path, missing: int, zeros: int
) -> None:
    file = commands(data)
    whole = file.read_bytes()
    file.write_bytes(whole[:-missing] + bytes(zeros))
    assert await numbers(data) == list(range(CHANGES - 1))
    assert file.read_bytes() == whole[: ends(whole)[-2]]
    if missing < 90:
        assert incident(CHANGES - 1) in told(data, _now())


async def test_what_was_mended_is_said_for_a_day_or_until_somebody_has_read_it(data: Path) -> None:
    file = commands(data)
    file.write_bytes(file.read_bytes() + b"\0")
    await numbers(data)
    now = _now()
    assert told(data, now)
    assert told(data, now + SAID_FOR_MS // 2)
    assert not told(data, now + SAID_FOR_MS + 1_000)
    assert not told(data, now - SAID_FOR_MS - 1_000)  # the clock was set back
    await numbers(data)
    assert told(data, now)
    assert acknowledge(data)
    assert not told(data, now)
    assert not acknowledge(data)


async def test_the_newest_copies_are_kept(data: Path) -> None:
    file = commands(data)
    for _ in range(append_only_repair.COPIES_KEPT + 2):
        file.write_bytes(file.read_bytes() + b"\0")
        assert await numbers(data) == list(range(CHANGES))
    assert len(copies(data)) == append_only_repair.COPIES_KEPT


async def test_a_killed_server_with_zeros_behind_its_last_write_comes_back(data: Path) -> None:
    server = EmbeddedValkey(data)
    await server.start()
    client = connect(server.url)
    await client.register_script(COMMIT)(
        keys=[f"im:{{0}}:i:{incident(CHANGES)}", f"im:{{0}}:t:{incident(CHANGES)}"],
        args=['{"number": 6}'],
    )
    killed = server._process
    assert killed is not None
    killed.kill()
    killed.wait()
    await client.aclose(close_connection_pool=True)
    with commands(data).open("ab") as file:
        file.write(bytes(4096))
    await server.start()
    await server.stop()
    assert await numbers(data) == list(range(CHANGES + 1))


async def test_an_incomplete_first_start_and_leftovers_of_a_rewrite_are_no_obstacle(
    data: Path, tmp_path: Path
) -> None:
    (data / FOLDER / f"temp-{MANIFEST}").write_bytes(b"half")
    (data / FOLDER / "temp-rewriteaof-99.aof").write_bytes(b"half")
    (data / "temp-rewriteaof-bg-99.aof").write_bytes(b"half")
    (data / "valkey.conf").write_bytes(b"\0\0garbage")
    assert await numbers(data) == list(range(CHANGES))

    broken_off = tmp_path / "first"
    (broken_off / FOLDER).mkdir(parents=True)
    shutil.copy(data / FOLDER / BASE, broken_off / FOLDER)
    assert await numbers(broken_off) == []


# -- what it refuses, and what mends it ---------------------------------------------------------


def _garbage(whole: bytes) -> bytes:
    return whole + b"\xff\x07garbage"


def _hole(whole: bytes) -> bytes:
    """Zeros over the middle of the third change."""
    start = ends(whole)[1] + 40
    return whole[:start] + bytes(30) + whole[start + 30 :]


def _length(whole: bytes) -> bytes:
    """A length in the third change that swallows the rest of the file."""
    at = whole.index(b"$3\r\nSET", ends(whole)[1])
    return whole[:at] + b"$99999\r\nSET" + whole[at + len("$3\r\nSET") :]


def _name(whole: bytes) -> bytes:
    at = whole.index(b"SET", ends(whole)[1])
    return whole[:at] + b"S\xffT" + whole[at + 3 :]


BUT_THE_THIRD = [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("damage", "skip", "truncate"),
    [
        (_garbage, [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]),
        (_hole, BUT_THE_THIRD, [0, 1]),
        (_length, BUT_THE_THIRD, [0, 1]),
        (_name, BUT_THE_THIRD, [0, 1]),
    ],
)
@pytest.mark.parametrize("how", [How.SKIP, How.TRUNCATE])
async def test_damage_is_refused_until_a_person_says_what_to_give_up(
    data: Path,
    damage: Callable[[bytes], bytes],
    how: How,
    skip: list[int],
    truncate: list[int],
) -> None:
    file = commands(data)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    words = await refused(data)
    assert str(file) in words
    assert f"store repair --storage.path {data.parent}" in words
    behind = append_only_damage.counted(len(skip) - len(truncate))
    assert f"behind it {behind}" in words

    (found,) = examine(data)
    if damage is not _garbage:
        assert incident(5) in found.lost(How.TRUNCATE)
        assert behind in found.lost(How.TRUNCATE)
    with pytest.raises(StoreUnavailableError):
        mend(data, [found], How.UNASKED)
    mend(data, [found], how)
    assert await numbers(data) == (skip if how is How.SKIP else truncate)
    (copy,) = copies(data)
    assert (copy / COMMANDS).read_bytes() == damage(whole)


def test_a_file_of_several_damages_keeps_every_whole_change(data: Path) -> None:
    file = commands(data)
    whole = file.read_bytes()
    places = ends(whole)
    broken = bytearray(whole)
    for place in (places[0], places[2]):
        at = whole.index(b"$3\r\nSET", place)
        broken[at : at + 4] = b"\0\0\0\0"
    file.write_bytes(broken[:-7])
    reading = read_file(file)
    assert (reading.changes, len(reading.behind)) == (1, 2)  # the first; the third, the fifth
    kept = whole[places[1] : places[2]] + whole[places[3] : places[4]]
    assert b"".join(broken[start:end] for start, end in reading.behind) == kept


async def test_a_lost_manifest_is_made_anew_on_request(data: Path) -> None:
    for spoil in (
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(bytes(88)),
        lambda path: path.write_bytes(path.read_bytes()[:60]),
    ):
        manifest = data / FOLDER / MANIFEST
        whole = manifest.read_bytes()
        spoil(manifest)
        # A server would take the data for new and begin empty, without a word.
        assert MANIFEST in await refused(data)
        mend(data, examine(data), How.UNASKED)
        assert manifest.read_bytes() == whole
        assert await numbers(data) == list(range(CHANGES))
        shutil.rmtree(data / COPIES)


async def test_a_manifest_that_the_names_do_not_tell_is_not_guessed(data: Path) -> None:
    (data / FOLDER / MANIFEST).unlink()
    shutil.copy(data / FOLDER / BASE, data / FOLDER / "appendonly.aof.2.base.rdb")
    with pytest.raises(StoreUnavailableError, match="do not tell"):
        mend(data, examine(data), How.SKIP)


@pytest.mark.parametrize("spoil", ["missing", "empty", "damaged"])
async def test_a_spoilt_base_is_refused_and_can_be_given_up(data: Path, spoil: str) -> None:
    base = data / FOLDER / BASE
    content = base.read_bytes()
    if spoil == "missing":
        base.unlink()
    else:
        base.write_bytes(b"" if spoil == "empty" else content[:50] + b"xx" + content[52:])
    assert BASE in await refused(data)
    found = examine(data)
    with pytest.raises(StoreUnavailableError):
        mend(data, found, How.TRUNCATE)
    mend(data, found, How.SKIP)
    assert await numbers(data) == list(range(CHANGES))


async def test_a_missing_file_of_commands_is_refused(data: Path) -> None:
    commands(data).unlink()
    assert "it is missing" in await refused(data)
    mend(data, examine(data), How.SKIP)
    assert await numbers(data) == []


@pytest.mark.parametrize("gone", ["folder", "files"])
async def test_data_that_is_gone_is_not_a_new_beginning(data: Path, gone: str) -> None:
    shutil.rmtree(data / FOLDER)
    if gone == "files":
        (data / FOLDER).mkdir()
    words = await refused(data)
    assert "there is no data, although there was" in words
    assert "restore" in words
    (data / CREATED).unlink()
    assert await numbers(data) == []


async def test_an_empty_file_of_commands_is_what_a_rewrite_leaves(data: Path) -> None:
    server = EmbeddedValkey(data)
    await server.start()
    client = connect(server.url)
    await client.bgrewriteaof()
    while (await client.info("persistence"))["aof_rewrite_in_progress"]:
        await asyncio.sleep(0.05)
    await client.aclose(close_connection_pool=True)
    await server.stop()
    (file,) = (data / FOLDER).glob("*.incr.aof")
    assert file.stat().st_size == 0
    assert not examine(data)
    assert await numbers(data) == list(range(CHANGES))


@pytest.mark.parametrize("how", [How.SKIP, How.TRUNCATE])
async def test_an_unfinished_tail_with_changes_in_a_later_file_is_damage(
    data: Path, how: How
) -> None:
    """Only the very last change can have been unanswered."""
    file = commands(data)
    whole = file.read_bytes()
    places = ends(whole)
    later = data / FOLDER / "appendonly.aof.2.incr.aof"
    file.write_bytes(whole[: places[2] - 9])
    later.write_bytes(whole[places[2] :])
    with (data / FOLDER / MANIFEST).open("a") as manifest:
        manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    await refused(data)
    (found,) = examine(data)
    mend(data, [found], how)
    assert await numbers(data) == ([0, 1, 3, 4, 5] if how is How.SKIP else [0, 1])
    touched = {COMMANDS, MANIFEST} | ({later.name} if how is How.TRUNCATE else set())
    assert {path.name for path in copies(data)[0].iterdir()} == touched


# -- when the machine does not help -------------------------------------------------------------


@pytest.mark.parametrize("how", [How.SKIP, How.TRUNCATE])
async def test_a_disk_that_is_full_changes_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch, how: How
) -> None:
    file = commands(data)
    file.write_bytes(_hole(file.read_bytes()))
    before, found = snapshot(data), examine(data)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 5))
        with pytest.raises(StoreUnavailableError, match=r"no room .* 5 are free"):
            mend(data, found, how)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # No byte of a file can be written beyond this, as on a disk that fills up meanwhile.
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        with pytest.raises(StoreUnavailableError, match="cannot repair"):
            mend(data, found, how)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert snapshot(data) == before
    assert copies(data) == []
    assert await refused_again(data)
    mend(data, found, how)


async def refused_again(data: Path) -> str:
    shutil.rmtree(data / COPIES, ignore_errors=True)
    return await refused(data)


def test_files_of_somebody_else_are_named_with_what_helps(data: Path) -> None:
    """As after a restore of the files by root."""
    for path in (data, data / FOLDER):
        path.chmod(0o755)
    (data / FOLDER / MANIFEST).chmod(0o644)
    commands(data).chmod(0o000)
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        words = "no refusal"
        if os.getuid() == 0:
            os.chdir(data)  # the folders above are closed to others
            os.setuid(65_534)
        try:
            refuse_missing_files(Path())
        except StoreUnavailableError as error:
            words = str(error)
        os.write(sending, words.encode())
        os._exit(0)
    os.waitpid(child, 0)
    words = os.read(receiving, 4096).decode()
    os.close(receiving)
    os.close(sending)
    assert "this user may not read or write it" in words
    assert "chown -R" in words


def test_the_damage_of_a_base_is_the_servers_own_judgement(data: Path) -> None:
    assert not append_only_damage._base_problem(data / FOLDER / BASE)


def _now() -> int:
    return int(time.time() * 1000)
