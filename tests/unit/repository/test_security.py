"""Every claim of docs/security.md names a test, and each of these is there."""

import re

from tests.support.places import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]


def test_every_threat_names_the_test_that_shows_it() -> None:
    assert ROWS
    for row in ROWS:
        assert len(row) == 3, row
        file = ""
        names = re.findall(r"`([^`]+)`", row[2])
        assert names, row
        for name in names:
            path, _, test = name.partition("::")
            if test or "/" in path:
                file = (ROOT / path).read_text()
            assert not (test or "/" not in path) or f"def {test or path}(" in file, name
