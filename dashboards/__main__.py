"""``python -m dashboards [--check]``: writes dashboards/json/, and one archive of all."""

import sys
import zipfile
from pathlib import Path

from dashboards import auto_optimizer, config_manager, glance, incident_manager, orchestrator
from dashboards.build import Board, render

FOLDER = Path(__file__).parent
JSON = FOLDER / "json"
ARCHIVE = FOLDER.parent / "dist" / "dashboards.zip"
BOARDS: tuple[Board, ...] = (
    *glance.BOARDS,
    *incident_manager.BOARDS,
    *config_manager.BOARDS,
    *auto_optimizer.BOARDS,
    *orchestrator.BOARDS,
)


def files() -> dict[Path, str]:
    """Return path -> content of every dashboard."""
    return {JSON / f"{board.uid}.json": render(board) for board in BOARDS}


def main() -> int:
    """Write what is not up to date; ``--check`` only names it (exit code 1)."""
    made = files()
    old = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in old:
        print(path.name)
    if "--check" in sys.argv:
        return 1 if old else 0
    for path in old:
        path.write_text(made[path], encoding="utf-8")
    ARCHIVE.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in [*made, *sorted((FOLDER / "provisioning").rglob("*.yml"))]:
            # A fixed time, so that the same dashboards make the same archive.
            entry = zipfile.ZipInfo(str(path.relative_to(FOLDER)), (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, path.read_text(encoding="utf-8"))
    print(f"{len(made)} dashboards, {ARCHIVE.relative_to(FOLDER.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
