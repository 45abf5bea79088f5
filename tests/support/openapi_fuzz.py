"""Sends what the OpenAPI document allows, and what it does not, by schemathesis."""

import asyncio
import re
import sys
from pathlib import Path
from typing import NamedTuple

CONFIG = """
[parameters]
id = "{incident}"

[checks]
# A schema cannot say what a label matcher is, nor that a time lies ahead: 400 is in the document.
positive_data_acceptance.enabled = false
# Headers that are too long are refused as such.
negative_data_rejection.expected-statuses = [
  400, 401, 403, 404, 405, 409, 413, 415, 422, 431, "5xx"
]
"""
COMMAND = (
    "--continue-on-failure",
    "--suppress-health-check=all",
    "--exclude-path-regex=reload|forget",  # each would take away what the others need
    "--no-color",
)


class Found(NamedTuple):
    """How many requests were sent, how many kinds of breach there were, and what was printed."""

    sent: int
    breaches: int
    printed: str


async def sent_to(url: str, incident: str, folder: Path, examples: int, *more: str) -> Found:
    """Send to a service; ``incident``: the id of one of it, ``examples`` a request."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(incident=incident))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
        *(f"{url}/api/openapi.json", f"--max-examples={examples}", *COMMAND, *more),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    printed = out.decode(errors="replace")
    sent = re.search(r"([\d,]+) generated", printed)
    failed = re.search(r"generated, .*?(\d+) unique failures?", printed)
    if sent is None:
        raise RuntimeError(f"schemathesis did not run: {printed[-2_000:]}")
    breaches = int(failed[1]) if failed else int(process.returncode != 0)
    return Found(int(sent[1].replace(",", "")), breaches, printed)
