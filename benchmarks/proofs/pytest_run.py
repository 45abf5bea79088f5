"""Runs scenario tests inside a proof, and says how many held."""

import asyncio
import re
import sys

_OUTCOME = re.compile(r"^\[gw\d+\] \[ *\d+%\] ([A-Z]+) ([^\s\[]+)", re.MULTILINE)
_ENDS = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


async def run_tests(*arguments: str) -> tuple[dict[str, int], str]:
    """Return (how many by outcome, the end of pytest's output)."""
    lines = (await _pytest("-q", *arguments)).splitlines() or [""]
    return {word: int(number) for number, word in _ENDS.findall(lines[-1])}, lines[-1]


async def run_by_name(*names: str) -> tuple[dict[str, list[str]], str]:
    """Return (test -> the outcome with each of its inputs, pytest's output).

    A name is ``FILE::FUNCTION``. A test that did not run is not there: where pytest finds one of
    the names missing, it runs none.
    """
    text = await _pytest("-v", *names)
    outcomes: dict[str, list[str]] = {}
    for outcome, name in _OUTCOME.findall(text):
        outcomes.setdefault(name, []).append(outcome.lower())
    return outcomes, text


async def _pytest(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    raw, _ = await process.communicate()
    return raw.decode("utf-8", "replace").strip()
