"""Data as YAML, for people."""

from typing import Any

import yaml


def yaml_text(data: Any) -> str:
    """Return data as YAML, in its own order."""
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
