"""The settings for rotation that ship, run by the real logrotate."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.tools import require_tool

DAY_S = 86_400
DAYS = {"application": 30, "audit": 365, "debug": 7, "error": 90}


def test_each_class_is_kept_for_its_time(tmp_path: Path) -> None:
    rotated(tmp_path)
    for name, days in DAYS.items():
        found = sorted(tmp_path.glob(f"{name}.log.*"))
        ages = [round((time.time() - one.stat().st_mtime) / DAY_S) for one in found]
        assert max(ages) == days - 1, name
        # Yesterday's lines are there, and a new file is begun.
        assert (tmp_path / f"{name}.log.1.gz").is_file()
        assert (tmp_path / f"{name}.log").read_text() == ""


def test_no_more_files_than_days_are_kept(tmp_path: Path) -> None:
    for _ in range(10):
        rotated(tmp_path, past=False)
    assert len(list(tmp_path.glob("debug.log.*"))) == DAYS["debug"]
    assert len(list(tmp_path.glob("error.log.*"))) == 10


@pytest.mark.parametrize("name", DAYS)
def test_the_document_says_the_same(name: str) -> None:
    text = (ROOT / "docs/logging.md").read_text()
    (kept,) = re.findall(rf"^\| `{name}` \|.*\| (\d+) (days|year) \|$", text, re.MULTILINE)
    assert int(kept[0]) * {"days": 1, "year": 365}[kept[1]] == DAYS[name]


def rotated(folder: Path, *, past: bool = True) -> None:
    """Write a line of each class and rotate, with rotated files of many ages before it."""
    text = (ROOT / "deploy/logrotate.conf").read_text()
    config = folder / "logrotate.conf"
    config.write_text(text.replace("/var/log/incident-manager", str(folder)))
    config.chmod(0o644)
    for name, days in DAYS.items():
        (folder / f"{name}.log").write_text(f'{{"class": "{name}"}}\n')
        for number, age in enumerate((days - 1, days + 2), start=2) if past else ():
            old = folder / f"{name}.log.{number}.gz"
            old.write_bytes(b"")
            os.utime(old, (time.time() - age * DAY_S,) * 2)
    program = require_tool("logrotate")
    command = [program, "--force", "--state", str(folder / "state"), str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
