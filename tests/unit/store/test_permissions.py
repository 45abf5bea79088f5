"""The commands that a server is asked for are those that are used."""

import re
from collections.abc import Iterator

from receiver.store.server.permissions import NEEDED
from tests.support.places import ROOT

OPTIONAL = {"CONFIG_GET", "INFO", "WAIT", "CLUSTER"}
"""What is missing without them is said where it matters."""
IN_TRANSACTIONS = {"MULTI", "WATCH"}
NOT_COMMANDS = {"PIPELINE", "EXECUTE", "EXECUTE_COMMAND", "ACLOSE", "CLOSE", "CONNECTION_POOL"}
NOT_COMMANDS |= {"SCAN_ITER", "DELETE", "PRIMARIES", "PLACE_OF", "CLIENT_OF", "CONNECTIONS"}
OTHER_FOLDERS = ("embedded", "checks")
"""They talk to a server of ours, or to something else of that name."""


def in_scripts() -> Iterator[str]:
    for file in (ROOT / "receiver/store/scripts").glob("*.lua"):
        yield from re.findall(r"call\('([A-Z]+)'", file.read_text())


def in_python() -> Iterator[str]:
    for file in (ROOT / "receiver").rglob("*.py"):
        if not any(part in OTHER_FOLDERS for part in file.parts):
            yield from re.findall(r"\b_?(?:redis|pipeline)\.([a-z_]+)\(", file.read_text())


def test_every_command_of_a_script_is_asked_for() -> None:
    used = set(in_scripts())
    assert len(used) > 25
    assert used <= NEEDED.keys()


def test_every_command_that_is_sent_is_asked_for() -> None:
    used = {name.upper() for name in in_python()} - NOT_COMMANDS - OPTIONAL - IN_TRANSACTIONS
    assert len(used) > 40
    assert used <= NEEDED.keys()


def test_nothing_is_asked_for_that_nobody_uses() -> None:
    text = "\n".join(
        file.read_text().upper()
        for suffix in ("py", "lua")
        for file in (ROOT / "receiver").rglob(f"*.{suffix}")
        if file.name != "permissions.py"
    )
    assert [name for name in NEEDED if not re.search(rf"\b{name}\b", text)] == []
