"""What the rules that ship say of each system: its job, what is recorded, what it alerts on."""

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from receiver.errors import IncidentManagerError
from receiver.paths import rules_folder

_JOB = re.compile(r'\bup\{job="([^"]+)"\}')
_WORDS = re.compile(r"[\w:]+")
OWN = "incident-manager"
"""The system that this service is."""


class SystemRules(msgspec.Struct, frozen=True):
    """One file of rules. ``recorded``: record -> expression; ``alerts``: name -> expression."""

    system: str
    job: str
    groups: tuple[str, ...]
    recorded: dict[str, str]
    alerts: dict[str, str]

    @property
    def watched(self) -> tuple[str, ...]:
        """What is recorded and some alert looks at; the rest is for boards."""
        used = {word for expression in self.alerts.values() for word in _WORDS.findall(expression)}
        return tuple(name for name in self.recorded if name in used)


class RulesError(IncidentManagerError):
    """A file of rules cannot be read; the text names it and says why."""


def load_rules(folder: Path | None = None) -> list[SystemRules]:
    """Return the rules of every system, this service's first; RulesError."""
    chosen = folder or rules_folder()
    files = sorted(chosen.glob("*.yml"), key=lambda file: (file.stem != OWN, file.stem))
    if not files:
        raise RulesError(f"{chosen}: there are no rules (*.yml)")
    return [_load(file) for file in files]


def _load(file: Path) -> SystemRules:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        groups: list[dict[str, Any]] = data["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return SystemRules(
            system=file.stem,
            job=_job(rules),
            groups=tuple(str(group["name"]) for group in groups),
            recorded={rule["record"]: rule["expr"] for rule in rules if "record" in rule},
            alerts={rule["alert"]: rule["expr"] for rule in rules if "alert" in rule},
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulesError(f"{file}: cannot be read: {error}") from None
    except (KeyError, TypeError):
        raise RulesError(f"{file}: is no file of rules (groups, with rules in each)") from None


def _job(rules: list[dict[str, Any]]) -> str:
    """Return the job whose absence a file alerts on: every system has such an alert."""
    found = [match[1] for rule in rules if (match := _JOB.search(rule["expr"]))]
    return found[0] if found else ""
