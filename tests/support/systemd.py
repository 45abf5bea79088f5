"""What systemd does for a service: it listens for it, hears from it, and starts it again."""

import socket
import sys
from pathlib import Path
from typing import Self

from receiver.http.ports import BACKLOG

_START = """
import os, sys
names, descriptors, command = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
high = [os.dup2(int(one), 200 + at) for at, one in enumerate(descriptors)]
for at, one in enumerate(high):
    os.dup2(one, 3 + at)
    os.close(one)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(high))}
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.execv(command[0], command)
"""


def listening(port: int) -> socket.socket:
    """Return a socket on loopback that connections wait in."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen(BACKLOG)
    return one


def handing_over(names: str, *sockets: socket.socket) -> tuple[str, ...]:
    """Return a command that becomes the one behind it, which is given sockets by these names."""
    return (sys.executable, "-c", _START, names, ",".join(str(one.fileno()) for one in sockets))


class Notified:
    """The socket that a service tells how it is."""

    def __init__(self, folder: Path, *, abstract: bool = False) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = f"@incident-manager-{folder.name}" if abstract else str(folder / "notify")
        self.socket.bind(self.address.replace("@", "\0", 1) if abstract else self.address)
        self.socket.setblocking(False)
        self._heard: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def heard(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                self._heard += self.socket.recv(4_096).decode().split("\n")
            except BlockingIOError:
                return self._heard

    def since(self, number: int) -> list[str]:
        """Return the lines behind so many."""
        return self.heard[number:]
