"""Ids of others, told by their form."""

import re


def is_user_id(text: str) -> bool:
    """Return whether a text is a Slack user id (docs.slack.dev: they begin with U or W)."""
    return bool(re.fullmatch(r"[UW][A-Z0-9]{1,20}", text))
