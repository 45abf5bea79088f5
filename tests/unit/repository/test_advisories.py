"""What is asked for known weaknesses, and listed, is what is installed."""

import re

from tests.support.places import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
LOCKS = {file.name for file in ROOT.glob("requirements*.lock")}


def _rule(target: str) -> str:
    found = re.search(rf"^{target}:.*?(?=^\S)", MAKEFILE, re.MULTILINE | re.DOTALL)
    assert found, target
    return found[0]


def test_every_locked_package_is_in_the_list_and_asked_for() -> None:
    assert len(LOCKS) == 3
    assert set(re.findall(r"requirements[a-z-]*\.lock", _rule("advisories"))) == LOCKS
    # A weakness, and a package that nobody can be asked about, end it with an error.
    assert "--strict" in _rule("advisories")
    assert "|| exit 1" in _rule("advisories")
    # A release is what runs: tools of its making are no part of it.
    assert set(re.findall(r"requirements[a-z-]*\.lock", _rule("sbom"))) == {"requirements.lock"}


def test_how_to_report_a_weakness_is_said() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert "private" in text
    assert "docs/security.md" in text
