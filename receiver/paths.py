"""Where the files that are not code are: templates, runbooks, rules and dashboards."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "data"
"""Where a wheel keeps them; a checkout has them at its top level."""


def _bundled(name: str) -> Path:
    installed = _INSTALLED / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def templates_folder() -> Path:
    """Return the folder of the message templates."""
    return _bundled("templates")


def runbooks_folder(configured: str) -> Path:
    """Return the folder of the runbook catalogue: the configured one, else the one we ship."""
    folder = Path(configured)
    return folder if folder.is_dir() else _bundled("runbooks")


def rules_folder() -> Path:
    """Return the folder of the rules for Prometheus, one file a system."""
    return _bundled("rules")


def dashboards_folder() -> Path:
    """Return the folder of the dashboards, as JSON."""
    return _bundled("dashboards") / "json"
