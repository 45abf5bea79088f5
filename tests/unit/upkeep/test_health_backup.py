"""The daily look at backups: young enough, whole, and there."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.cli.checks.health.backup import check_backups
from receiver.cli.root import main
from receiver.upkeep.archive import ArchiveWriter, Header, NewFile

HOUR_MS = 3_600_000


def backup(path: Path, hours: float = 1) -> Path:
    created = int(time.time() * 1000 - hours * HOUR_MS)
    with NewFile(path) as file:
        ArchiveWriter(file.file, Header(1, created, "0", "1", 1)).close()
    return path


def test_a_young_and_whole_one_is_well(tmp_path: Path) -> None:
    found = check_backups(backup(tmp_path / "a.backup"), 26)
    assert (found.state, found.found) == ("ok", "a.backup: 0 incidents, 1.0 hours old")


def test_the_newest_of_a_folder_counts(tmp_path: Path) -> None:
    old = backup(tmp_path / "a.backup", 50)
    os.utime(old, (time.time() - 50 * 3600,) * 2)
    backup(tmp_path / "b.backup")
    (tmp_path / ".c.backup.part").write_bytes(b"half")
    assert check_backups(tmp_path, 26).found.startswith("b.backup")


def test_a_copy_is_no_younger_than_what_it_copies(tmp_path: Path) -> None:
    found = check_backups(backup(tmp_path / "a.backup", 27), 26)
    assert (found.state, found.limit) == ("failed", "26 hours")
    assert check_backups(tmp_path, 28).state == "ok"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no backup is there"), (b"text", "is no backup"), ("half", "is not whole")],
)
def test_what_could_not_be_restored_fails(
    tmp_path: Path, content: bytes | str | None, said: str
) -> None:
    if content == "half":
        file = backup(tmp_path / "a.backup")
        file.write_bytes(file.read_bytes()[:-20])
    elif isinstance(content, bytes):
        (tmp_path / "a.backup").write_bytes(content)
    found = check_backups(tmp_path, 26)
    assert found.state == "failed"
    assert said in found.found


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = check_backups(tmp_path / "nothing", 26)
    assert (found.state, str(tmp_path / "nothing") in found.found) == ("failed", True)


def test_the_command_fails_by_it(tmp_path: Path) -> None:
    words = ["health-check", "--url", "http://127.0.0.1:9", "--backup", str(tmp_path), "-o", "json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "no backup is there" in done.output
