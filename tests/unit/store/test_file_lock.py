"""A lock that lives as long as a process has the file open, and a note about who that is."""

import errno
import fcntl
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError, StorageLockedError
from receiver.store.embedded.control import ServerAnswer
from receiver.store.embedded.file_lock import FileLock
from receiver.store.embedded.refusals import in_use, refuse_stranger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def child(*fds: int) -> "subprocess.Popen[bytes]":
    """A process that lives until its input ends."""
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=fds)


def end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


def test_one_holds_it_and_the_other_does_not(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.try_acquire()
    assert not second.try_acquire()
    assert (first.held, second.held) == (True, False)
    first.release()
    assert second.try_acquire()
    assert (first.held, second.held) == (False, True)
    second.release()


def test_who_holds_it_takes_it_again_and_gives_it_up_once(path: Path) -> None:
    lock = FileLock(path)
    assert lock.try_acquire()
    descriptor = lock.fileno
    assert lock.try_acquire()
    assert lock.fileno == descriptor
    lock.release()
    lock.release()
    assert FileLock(path).is_free()


def test_what_is_not_held_has_no_descriptor_and_no_note_is_written(path: Path) -> None:
    lock = FileLock(path)
    with pytest.raises(RuntimeError, match=f"{path} is not locked"):
        _ = lock.fileno
    with pytest.raises(RuntimeError):
        lock.write_note("me")
    assert not path.exists()


def test_it_is_free_when_nobody_holds_it_not_even_oneself(path: Path) -> None:
    lock, other = FileLock(path), FileLock(path)
    assert lock.is_free()
    assert not lock.held, "asking takes nothing"
    lock.try_acquire()
    assert not lock.is_free()
    assert not other.is_free()
    assert lock.held, "asking gives nothing up"
    lock.release()
    assert other.is_free()


def test_a_child_that_was_given_it_keeps_it_after_the_parent(path: Path) -> None:
    lock = FileLock(path)
    lock.try_acquire()
    process = child(lock.fileno)
    lock.release()
    assert not lock.is_free()
    assert not lock.try_acquire()
    end(process)
    assert lock.is_free()


def test_a_child_that_was_not_given_it_has_no_part_in_it(path: Path) -> None:
    lock = FileLock(path)
    lock.try_acquire()
    process = child()
    lock.release()
    assert lock.is_free()
    end(process)


def test_a_refused_attempt_leaves_no_file_open(path: Path) -> None:
    lock = FileLock(path)
    lock.try_acquire()
    before = open_files()
    assert not any(FileLock(path).try_acquire() for _ in range(50))
    assert open_files() == before
    lock.release()
    assert open_files() == before - 1


def test_the_file_stays_and_is_for_this_user_alone(path: Path) -> None:
    lock = FileLock(path)
    lock.try_acquire()
    lock.release()
    assert path.stat().st_mode & 0o777 == 0o600
    inode = path.stat().st_ino
    lock.try_acquire()
    assert path.stat().st_ino == inode
    lock.release()


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        ((), []),
        (("7 on host",), ["7 on host"]),
        (("7", "8"), ["7", "8"]),
        (("é \u202e",), ["é \u202e"]),
        (("x" * 10_000,), ["x" * 10_000]),
    ],
)
def test_a_note_is_read_by_those_who_do_not_hold_it(
    path: Path, lines: tuple[str, ...], read: list[str]
) -> None:
    lock = FileLock(path)
    lock.try_acquire()
    lock.write_note("an older and much longer note", "of two lines")
    lock.write_note(*lines)
    assert FileLock(path).read_note() == read
    lock.release()
    assert FileLock(path).read_note() == read, "it stays, and may be stale"


@pytest.mark.parametrize(
    ("content", "read"), [(b"", []), (b"7\xff\n", ["7\ufffd"]), (b"no end", ["no end"])]
)
def test_any_bytes_may_stand_for_a_note(path: Path, content: bytes, read: list[str]) -> None:
    path.write_bytes(content)
    assert FileLock(path).read_note() == read


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_where_no_file_is_there_is_no_note(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    assert FileLock(path).read_note() == []


def test_a_path_that_cannot_be_opened_is_a_matter_of_the_configuration(path: Path) -> None:
    path.mkdir()
    for wrong, words in ((path, "Is a directory"), (path / "no" / "lock", "No such file")):
        with pytest.raises(ConfigError, match=f"storage.path: cannot open {wrong}: {words}"):
            FileLock(wrong).try_acquire()


@pytest.mark.parametrize(
    ("code", "held_elsewhere"),
    [(errno.EWOULDBLOCK, True), (errno.EACCES, True), (errno.ENOLCK, False), (errno.EIO, False)],
)
def test_a_file_system_without_locks_is_told_from_a_lock_that_is_held(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, held_elsewhere: bool
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = FileLock(path)
    before = open_files()
    if held_elsewhere:
        assert not lock.try_acquire()
    else:
        with pytest.raises(ConfigError, match=r"cannot lock .*; use a local disk, or set redis"):
            lock.try_acquire()
    assert not lock.held
    assert open_files() == before


# Who else uses the data.


def test_what_is_in_use_names_the_folder_the_user_and_what_to_do() -> None:
    error = in_use(Path("/data"), "another incident-manager", "7 on host")
    assert str(error) == (
        "/data is in use by another incident-manager (process 7 on host); stop that one first, or"
        " give this one another --storage.path"
    )


def test_a_server_on_our_data_that_holds_its_lock_is_ours(tmp_path: Path) -> None:
    link = tmp_path / "link"
    (tmp_path / "data").mkdir()
    link.symlink_to(tmp_path / "data")
    for said in (tmp_path / "data", link, tmp_path / "data" / ".." / "data"):
        answer = ServerAnswer(7, str(said), loading=False)
        refuse_stranger(answer, tmp_path / "s", tmp_path / "data", held=True)


def test_a_server_on_our_data_without_its_lock_was_started_by_somebody_else(tmp_path: Path) -> None:
    answer = ServerAnswer(7, str(tmp_path), loading=False)
    with pytest.raises(StorageLockedError) as caught:
        refuse_stranger(answer, tmp_path / "s", tmp_path, held=False)
    assert "a Valkey server that incident-manager did not start (process 7)" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [("/", "(/, process 7)"), ("", "(unknown, process 7)"), ("/gone/x", "(/gone/x, process 7)")],
)
@pytest.mark.parametrize("held", [True, False])
def test_a_server_on_other_data_is_a_stranger_whoever_holds_the_lock(
    tmp_path: Path, said: str, shown: str, held: bool
) -> None:
    answer = ServerAnswer(7, said, loading=True)
    with pytest.raises(StorageLockedError) as caught:
        refuse_stranger(answer, tmp_path / "s", tmp_path, held=held)
    words = f"{tmp_path / 's'} is answered by a server on other data {shown}"
    assert str(caught.value).startswith(words)
