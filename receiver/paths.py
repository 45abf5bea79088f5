"""Where the files that are not code are: templates, runbooks, rules, dashboards, examples."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "data"
"""Where a wheel keeps them; a checkout has them at its top level."""

FOR_PEOPLE = {
    "deploy/incident-manager.yml": "our configuration, used when no other is named",
    "deploy/prometheus.yml": "Prometheus: scrapes the four systems and loads the rules",
    "deploy/slack-manifest.yml": "creates the Slack app",
    "deploy/logrotate.conf": "how long logs are kept, by class",
    "deploy/incident-manager.service": "systemd: the service, told how it is",
    "deploy/incident-manager.socket": "systemd: its port, held over restarts",
    "alertmanager.yml": "Alertmanager: sends everything here",
    "rules": "alert and recording rules of the four systems, and their tests",
    "runbooks": "a runbook for every alert",
    "dashboards/json": "Grafana dashboards",
}
"""Name -> what it is, of everything that ships to be read, copied and changed."""


def _bundled(name: str) -> Path:
    root = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
    return root / name


def shipped_config() -> Path:
    """Return the configuration that is used when no other is named."""
    return _bundled("deploy") / "incident-manager.yml"


def templates_folder() -> Path:
    """Return the folder of the message templates."""
    return _bundled("templates")


def runbooks_folder(configured: str) -> Path:
    """Return the folder of the runbook catalogue: the configured one, else the one we ship."""
    folder = Path(configured)
    return folder if configured and folder.is_dir() else _bundled("runbooks")


def rules_folder() -> Path:
    """Return the folder of the rules for Prometheus, one file a system."""
    return _bundled("rules")


def dashboards_folder() -> Path:
    """Return the folder of the dashboards, as JSON."""
    return _bundled("dashboards") / "json"


def files_for_people() -> dict[str, Path]:
    """Return name -> file of all that ``FOR_PEOPLE`` names, each file of a folder by itself."""
    found: dict[str, Path] = {}
    for name in FOR_PEOPLE:
        path = _bundled(name)
        within = sorted(path.rglob("*")) if path.is_dir() else [path]
        found |= {
            (Path(name) / file.relative_to(path)).as_posix(): file
            for file in within
            if file.is_file()
        }
    return found
