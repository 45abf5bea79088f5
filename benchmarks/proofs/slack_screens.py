"""Every message, window and App Home is drawn by Chromium, and what is drawn is looked at."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.slack_screens.draw import DESK, PHONE, Drawn, drawer
from benchmarks.slack_screens.examples import Screen, screens
from tests.support.fakes.slack_blocks import check_blocks
from tests.support.fakes.slack_views import ViewChecker

NAME = "slack-screens"
RAW = ("<!date", "&amp;", "&lt;", "<@", "!subteam^")
HOSTILE = "hostile"

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report how many pictures are whole, at each width and in both schemes."""
    await asyncio.to_thread(_run, report)


def _run(report: Report) -> None:
    shown = screens()
    refused = [screen.name for screen in shown if _problems(screen)]
    report(
        "taken by a strict Slack",
        f"{len(shown) - len(refused)} of {len(shown)}",
        "all",
        not refused,
    )
    with drawer() as draw:
        for width, scheme in ((PHONE, "light"), (PHONE, "dark"), (DESK, "light")):
            wrong = {
                screen.name: _wrong(screen, draw.draw(screen, width, scheme)) for screen in shown
            }
            bad = {name: why for name, why in wrong.items() if why}
            report(
                f"{width} px, {scheme}",
                f"{len(shown) - len(bad)} of {len(shown)} whole",
                "all",
                not bad,
            )
            for name, why in bad.items():
                print(f"  {name}: {why}")


def _problems(screen: Screen) -> list[Any]:
    if screen.view:
        return ViewChecker().check_view(screen.view)
    return [problem for one in screen.messages for problem in check_blocks(one["blocks"])]


def _wrong(screen: Screen, drawn: Drawn) -> str:
    """Return what is wrong with a picture, "" when it is whole."""
    if not drawn.fits:
        return "wider than its frame"
    if drawn.colours < 20 or min(drawn.size) < 60:
        return f"blank: {drawn.size}, {drawn.colours} colours"
    raw = [mark for mark in RAW if mark in drawn.text and screen.name != HOSTILE]
    if raw:
        return f"shows {raw}"
    seen = _letters(drawn.text)
    missing = [words for words in _texts(screen) if _letters(words) not in seen]
    return f"does not show {missing[:3]}" if missing else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _texts(screen: Screen) -> Iterator[str]:
    """Yield the plain texts of a screen: titles, labels and buttons."""
    blocks = [block for one in screen.messages for block in one["blocks"]]
    for block in [*blocks, *screen.view.get("blocks", [])]:
        for item in [block.get("text"), block.get("label"), *_elements(block)]:
            found = item.get("text", item) if isinstance(item, dict) else None
            found = found if isinstance(found, dict) else item
            if isinstance(found, dict) and found.get("type") == "plain_text":
                yield found["text"]


def _elements(block: dict[str, Any]) -> list[Any]:
    return [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]
