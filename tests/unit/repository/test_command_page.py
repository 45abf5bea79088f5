"""The page of the command line names every command."""

import re

from receiver.cli.root import COMMANDS
from tests.support.places import ROOT


def test_every_command_is_on_the_page() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    named = {words.split()[0] for words in re.findall(r"`([a-z][a-z -]+)`", page)}
    assert set(COMMANDS) - named == set()
