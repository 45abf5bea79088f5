"""The storm with 256 MB for the service and its embedded server together, and memory afterwards.

The bound is the kernel's (a control group without swap): whoever goes over it is killed. Where
there is none to be had, what both took at most is measured instead, and the line says so.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.proofs import storm
from tests.support.rig import Rig

MEMORY_MB = 256
LATER_S = 30
GIVEN_BACK = 1.5
_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Send the storm at a service that may have 256 MB; look at its memory before and after."""
    with TemporaryDirectory() as folder, _group() as group:
        rig = storm.rig_in(Path(folder))
        if isinstance(group, Path):
            join = f'echo $$ > {group / "cgroup.procs"} && exec "$@"'
            rig.within = ("/bin/sh", "-c", join, "sh")
        await rig.start(**storm.SETTINGS)
        try:
            await _measured(rig, group, report)
        finally:
            await rig.stop()


async def _measured(rig: Rig, group: Path | str, report: Report) -> None:
    await asyncio.sleep(3)
    server = rig.valkey_pid()
    pids = {"service": rig.service.pid, "Valkey": server}
    idle = {name: _mb(pid, "VmRSS") for name, pid in pids.items()}
    await storm.storm(rig, report)
    peak = {name: _mb(pid, "VmHWM") for name, pid in pids.items()}
    await asyncio.sleep(LATER_S)
    after = {name: _mb(pid, "VmRSS") for name, pid in pids.items()}
    for name in pids:
        figure = f"{idle[name]:.0f}, {peak[name]:.0f}, {after[name]:.0f} MB"
        # What Valkey holds after it is the incidents, which are kept.
        bound = f"{GIVEN_BACK} of idle" if name == "service" else "holds the incidents"
        good = name != "service" or after[name] <= idle[name] * GIVEN_BACK
        report(f"{name}: idle, peak, {LATER_S} s later", figure, bound, good)
    alive = rig.service.process is not None and rig.service.process.returncode is None
    up = "both" if alive and rig.valkey_pid() == server else "not both"
    if isinstance(group, str):
        together = sum(peak.values())
        figure = f"{together:.0f} MB at most, {up} up; not bounded: {group}"
        good = together <= MEMORY_MB and up == "both"
    else:
        figure = f"{_killed(group)} killed, {up} up"
        good = figure == _WELL
    report(f"within {MEMORY_MB} MB together", figure, _WELL, good)


_WELL = "0 killed, both up"


@contextlib.contextmanager
def _group() -> Iterator[Path | str]:
    """Give a control group with that much memory and no swap, or why there is none."""
    two = (_V2 / "cgroup.controllers").is_file()
    group = (_V2 if two else _V1) / f"incident-manager-{os.getpid()}"
    bytes_ = str(MEMORY_MB << 20)
    try:
        if two:
            (_V2 / "cgroup.subtree_control").write_text("+memory")
        group.mkdir()
    except OSError as error:
        # Only root may; and in a group of version 2 that has processes nobody can.
        yield f"no control group ({error.strerror})"
        return
    try:
        (group / ("memory.max" if two else "memory.limit_in_bytes")).write_text(bytes_)
        # Where the kernel does not count swap there is no such file.
        swap = group / ("memory.swap.max" if two else "memory.memsw.limit_in_bytes")
        with contextlib.suppress(OSError):
            if swap.exists():
                swap.write_text("0" if two else bytes_)
        yield group
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def _killed(group: Path) -> int:
    """Return how often the kernel killed somebody for his memory; -1 where it does not say."""
    for name in ("memory.events", "memory.oom_control"):
        with contextlib.suppress(OSError):
            lines = dict(line.split() for line in (group / name).read_text().splitlines())
            return int(lines.get("oom_kill", -1))
    return -1


def _mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"/proc/{pid}/status has no {name}")
