"""The command with all below it: each is imported when it is used, and is what the list says."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from receiver.cli.root import COMMANDS, load, main

HEAVY = (
    *("aiohttp", "asyncio", "pydantic", "slack_sdk", "redis", "prometheus_client", "requests"),
    *("jinja2", "holidays"),
)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_under_its_name(name: str) -> None:
    command = load(COMMANDS[name])
    assert command.name == name
    assert COMMANDS[name].help.endswith(".")
    assert len(COMMANDS[name].help) < 64
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0
    words = COMMANDS[name].help.split()[0]
    assert words in done.output


def test_what_joins_a_group_joins_it_once() -> None:
    for _ in range(2):
        group = load(COMMANDS["incidents"])
    assert isinstance(group, click.Group)
    names = group.list_commands(click.Context(group))
    assert {"list", "show", "ack", "resolve", "status-update"} <= set(names)
    assert len(names) == len(set(names))


NOBODY = ["--url", "http://127.0.0.1:1"]
ASKS = [
    ["incidents", "list", *NOBODY],
    ["incidents", "show", "x", *NOBODY],
    ["incidents", "ack", "x", *NOBODY],
    ["incidents", "resolve", "x", "--yes", *NOBODY],
    ["changes", "list", *NOBODY],
    ["changes", "add", "deployed", *NOBODY],
    ["dead-letters", "list", *NOBODY],
    ["dead-letters", "resend", "x", *NOBODY],
    ["heartbeats", *NOBODY],
    ["silences", "list", *NOBODY],
    ["silences", "expire", "x", *NOBODY],
    ["config", "show", *NOBODY],
    ["explain", "alert", "a=b", *NOBODY],
    ["explain", "incident", "x", *NOBODY],
    ["oncall", *NOBODY],
    ["review", "x", *NOBODY],
]
"""Commands that ask a running service, and nobody there."""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["nonsense"], *ASKS])
def test_what_needs_no_server_imports_none(words: list[str]) -> None:
    code = (
        "import sys\nfrom receiver.cli.root import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print([one for one in {HEAVY!r} if one in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
