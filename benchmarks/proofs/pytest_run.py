"""Runs scenario tests inside a proof, and says how many held."""

import asyncio
import re
import sys

_ENDS = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


async def run_tests(*arguments: str) -> tuple[dict[str, int], str]:
    """Return (how many by outcome, the end of pytest's output)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    raw, _ = await process.communicate()
    text = raw.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1] if text else ""
    return {word: int(number) for number, word in _ENDS.findall(last)}, last
