"""What a command costs before it has asked anything: CPU of starting it, beside Python's own start.

``python -m benchmarks.startup``. User and system time of the whole process, as the kernel counts it
when it ends; the floor is started in turn with each command.
"""

import os
import statistics
import sys
from pathlib import Path

from benchmarks.rows import Report, printed

ROUNDS = 7
AIM_S = 0.25
NOBODY = ("--url", "http://127.0.0.1:1")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("incidents", "list", *NOBODY),
    ("incidents", "show", "x", *NOBODY),
    ("incidents", "ack", "x", *NOBODY),
    ("changes", "list", *NOBODY),
    ("oncall", *NOBODY),
    ("review", "x", *NOBODY),
)
"""Nobody answers them, so that all they do is start and ask."""


def run(report: Report, *, quick: bool = False) -> None:
    """Start each command and the floor in turn."""
    tool = str(Path(sys.executable).with_name("incident-manager"))
    for words in COMMANDS:
        floor, took = [], []
        for _ in range(3 if quick else ROUNDS):
            floor.append(_cpu(sys.executable, "-c", "pass"))
            took.append(_cpu(tool, *words))
        median, least = statistics.median(took), statistics.median(floor)
        name = " ".join(word for word in words if word not in NOBODY)
        report(
            f"start of {name}",
            f"{median * 1000:.0f} ms CPU",
            f"python -c pass {least * 1000:.0f} ms",
            median / least,
            f"{AIM_S * 1000:.0f} ms",
            median <= AIM_S,
        )


def _cpu(*command: str) -> float:
    """Return the CPU seconds of a process from start to end."""
    nothing = [(os.POSIX_SPAWN_OPEN, at, os.devnull, os.O_RDWR, 0) for at in (0, 1, 2)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=nothing)
    used = os.wait4(pid, 0)[2]
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(printed(run))
