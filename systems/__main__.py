"""``python -m systems [--check]``: writes what follows from the systems' files."""

import sys
from pathlib import Path

from systems.accounted import statements_table
from systems.alertmanager import alertmanager_file
from systems.model import load_all
from systems.rules import rules_file, tests_files
from systems.runbook import is_written_by_hand, runbook_file
from systems.table import ROOT, table_file


def files() -> dict[Path, str]:
    """Return path -> content of everything that is made."""
    made: dict[Path, str] = {}
    systems = load_all()
    for system in systems:
        made[ROOT / "rules" / f"{system.system}.yml"] = rules_file(system)
        for name, text in tests_files(system).items():
            made[ROOT / "rules" / "tests" / name] = text
        for alert in system.alerts:
            path = ROOT / "runbooks" / system.system / f"{alert.alert}.md"
            if not (path.exists() and is_written_by_hand(path.read_text(encoding="utf-8"))):
                made[path] = runbook_file(system, alert)
    alertmanager = ROOT / "alertmanager.yml"
    made[alertmanager] = alertmanager_file(alertmanager.read_text(encoding="utf-8"), systems)
    made[ROOT / "docs" / "systems.md"] = f"{table_file(systems)}\n{statements_table()}"
    return made


def main() -> int:
    """Write the files, or with ``--check`` say which are not up to date (exit code 1)."""
    try:
        made = files()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    old = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in old:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
    if old and "--check" in sys.argv:
        print("not up to date: run `make systems-files`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
