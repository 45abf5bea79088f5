"""What shells complete: names of commands, without importing what they do."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from receiver.cli.root import COMMANDS, main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_own(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_INCIDENT_MANAGER_COMPLETE={shell}_complete" in result.output


def test_another_shell_is_refused() -> None:
    result = CliRunner().invoke(main, ["completion", "csh"])
    assert (result.exit_code, "bash" in result.output) == (2, True)


PROGRAM = "from receiver.cli.root import main; main(prog_name='incident-manager')"


def completed(*words: str) -> list[str]:
    made = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", PROGRAM],
        env={
            **os.environ,
            "_INCIDENT_MANAGER_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("incident-manager", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "aiohttp" not in made.stderr
    return [line.partition(",")[2] for line in made.stdout.splitlines()]


def test_names_are_completed_without_a_server() -> None:
    assert set(completed("c")) == {name for name in COMMANDS if name.startswith("c")}
    assert "show" in completed("incidents", "s")
