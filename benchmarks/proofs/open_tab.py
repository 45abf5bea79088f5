"""A tab of the console is left open in real Chromium while everything behind it goes away in turn.

Kept all the time: what it showed, what was typed, and how often an acknowledgement counted.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome

from tests.support.browser import chromium, fits, set_screen
from tests.support.notification import alert, notification
from tests.support.rig import Rig, until

SCREENS = ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark"))
NOTICE_S, RETURN_S, TOLD_S = 32, 32, 10
"""Seconds: a refresh and the longest time an answer may take; the longest pause between two tries;
a look at the index with time to spare."""
LOST = "return !document.querySelector('.lost').hidden"
TITLE = "return document.querySelector('article h2').textContent"
NAME = "return document.querySelector('[name=name]').value"

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report each outage, a button pressed in the middle of one, and who could not be reached."""
    with TemporaryDirectory() as name, chromium() as browser:
        rig = Rig(Path(name))
        await rig.start()
        try:
            tab = Tab(rig, browser)
            await tab.open()
            await _outage(report, tab, "the service ends and starts", tab.end, rig.start_service)
            await _outage(report, tab, "the service is killed", tab.kill, rig.start_service)
            await _outage(report, tab, "Valkey stands still", tab.freeze, tab.thaw)
            await _pressed(report, tab)
            await _unreached(report, tab)
        finally:
            await rig.stop()


class Tab:
    """One tab of the list of incidents with a name typed into it, and what is behind it."""

    def __init__(self, rig: Rig, browser: Chrome) -> None:
        self.rig = rig
        self._browser = browser
        self.incident = ""
        self._frozen = 0

    async def open(self) -> None:
        """Open an incident and the tab, and type a name."""
        _, answer = await self.rig.post(notification(alert("ServiceDown")))
        (self.incident,) = answer["incidents"]
        await asyncio.to_thread(self._browser.get, f"{self.rig.url}/")
        await self.ask("window.mine = 1; document.querySelector('[name=name]').value = 'Ann'")

    async def ask(self, script: str) -> Any:
        """Return what a script in the tab returns."""
        return await asyncio.to_thread(self._browser.execute_script, script)

    async def kept(self) -> bool:
        """Return whether the tab is the one it was, with all that it showed and held."""
        same = await self.ask("return window.mine") == 1 and await self.ask(NAME) == "Ann"
        return bool(same and "ServiceDown" in await self.ask(TITLE))

    async def fits(self) -> int:
        """Return on how many screens the tab is no wider than the screen."""
        found = 0
        for width, scheme in SCREENS:
            await asyncio.to_thread(set_screen, self._browser, width, scheme)
            found += await asyncio.to_thread(fits, self._browser)
        return found

    async def end(self) -> None:
        """End the service as a deployment does."""
        await self.rig.service.end()

    async def kill(self) -> None:
        """Kill the service as the system does when memory is short."""
        await self.rig.service.end(signal.SIGKILL)

    async def freeze(self) -> None:
        """Let Valkey answer nothing."""
        self._frozen = self.rig.valkey_pid()
        os.kill(self._frozen, signal.SIGSTOP)

    async def thaw(self) -> None:
        """Let Valkey go on."""
        os.kill(self._frozen, signal.SIGCONT)

    async def acknowledged(self) -> int:
        """Return how often the incident was acknowledged."""
        found = await self.rig.get(f"/v1/incidents/{self.incident}")
        return sum(entry["kind"] == "acknowledged" for entry in found["timeline"])


async def _timed(check: Callable[[], Awaitable[Any]], timeout: float, what: str) -> float:
    started = time.monotonic()
    await until(check, timeout, what)
    return time.monotonic() - started


async def _outage(
    report: Report,
    tab: Tab,
    what: str,
    begin: Callable[[], Awaitable[None]],
    end: Callable[[], Awaitable[None]],
) -> None:
    """Nobody touches the tab: it notices by itself, and comes back by itself."""
    await begin()
    noticed = await _timed(lambda: tab.ask(LOST), 90, "the tab says that it lost its server")
    kept, screens = await tab.kept(), await tab.fits()
    await end()

    async def back() -> bool:
        return not await tab.ask(LOST)

    returned = await _timed(back, 90, "the tab comes back")
    report(f"{what}: it says so after", f"{noticed:.1f} s", f"< {NOTICE_S} s", noticed < NOTICE_S)
    report(f"{what}: it is back after", f"{returned:.1f} s", f"< {RETURN_S} s", returned < RETURN_S)
    whole = kept and await tab.kept() and screens == len(SCREENS)
    report(f"{what}: shown and typed", "kept" if whole else "lost", "kept", whole)


async def _pressed(report: Report, tab: Tab) -> None:
    """Acknowledge while Valkey stands still, and again when it goes on."""
    await tab.freeze()
    await tab.ask("document.querySelector('article button.primary').click()")
    unsent = "return !document.querySelector('.unsent').hidden"
    said = await _timed(lambda: tab.ask(unsent), 60, "the button says that it was not stored")
    await tab.thaw()

    async def again() -> bool:
        await tab.ask(f"if (!document.querySelector('.unsent').hidden) {_PRESS}")
        return bool("acknowledged by Ann" in await tab.ask(_STATE))

    await until(again, 60, "it is acknowledged")
    number = await tab.acknowledged()
    report("a button while Valkey stands still says so after", f"{said:.1f} s", "< 20 s", said < 20)
    report("pressed again and again it counts", f"{number}", "1", number == 1)


_PRESS = "document.querySelector('.unsent button.primary').click()"
_STATE = "return document.querySelector('article .state').textContent"


async def _unreached(report: Report, tab: Tab) -> None:
    """Let every notifier refuse, and see where it is said, and until when."""
    rig = tab.rig
    rig.slack.faults.add("error:channel_not_found", times=None)
    rig.pagerduty.faults.add("error:Invalid routing key", times=None)
    _, answer = await rig.post(notification(alert("Lost"), group="lost"))
    (lost,) = answer["incidents"]

    async def told() -> bool:
        problems = (await rig.get("/health"))["problems"]
        found = await rig.get(f"/v1/incidents/{lost}")
        return bool(found["unreached"] and any(lost in one["problem"] for one in problems))

    took = await _timed(told, 60, "nobody reached is in the incident and in /health")
    report("nobody reached is said after", f"{took:.1f} s", f"< {TOLD_S} s", took < TOLD_S)
    banner = "return document.querySelector('.problem') !== null"
    shown = await _timed(lambda: tab.ask(banner), 60, "the open tab shows it")
    report("and in the open tab after", f"{shown:.1f} s", "< 20 s", shown < 20)
    await rig.post({"by": "Ann"}, f"/v1/incidents/{lost}/acknowledge")
    over = not (await rig.get("/health"))["problems"]
    report("somebody takes it", "over" if over else "still said", "over", over)
