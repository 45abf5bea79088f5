"""The part of alertmanager.yml that follows from the systems: which alert quiets which."""

import json
import re

from systems.ladders import inhibitions
from systems.model import System

BEGIN = "  # Made from systems/*.yml by `make systems-files`, up to the empty line: change those.\n"


def alertmanager_file(text: str, systems: list[System]) -> str:
    """Return alertmanager.yml with the systems' rules; ValueError when their place is gone."""
    before, mark, after = text.partition(BEGIN)
    parts = re.split(r"^\n", after, maxsplit=1, flags=re.MULTILINE)
    if not mark or len(parts) == 1:
        raise ValueError(f"alertmanager.yml has lost the line {BEGIN.strip()!r} or the end of it")
    return f"{before}{BEGIN}{_rules(systems)}\n{parts[1]}"


def _rules(systems: list[System]) -> str:
    lines = []
    for rule in inhibitions(systems):
        source, target = (
            ", ".join(f"'{one}'" for one in rule[f"{side}_matchers"])
            for side in ("source", "target")
        )
        lines += [
            f"  - source_matchers: [{source}]\n",
            f"    target_matchers: [{target}]\n",
            f"    equal: {json.dumps(rule['equal']).replace(chr(34), '')}\n",
        ]
    return "".join(lines)
