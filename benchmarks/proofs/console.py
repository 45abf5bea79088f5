"""The console in real Chromium, walked through at 10, 1,000 and 10,000 open incidents.

Two tabs beside each other: found by filters, taken in one and seen in the other, many at once and
undone, a service that goes away and comes back, hostile text; every page under axe-core, drawn at
two widths in two schemes.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome

from benchmarks.many_open import ManyOpen, running
from tests.support.axe import axe_faults
from tests.support.browser import chromium, complaints, fits, looks, press, set_screen, write
from tests.support.notification import alert, notification
from tests.support.pages import pages
from tests.support.rig import until

NUMBERS = (10, 1_000, 10_000)
MODELS = 20
"""Fewer than that are sent one by one."""
SCREENS = ((1100, "light"), (320, "dark"))
LOAD_S, SEEN_S, WITHIN_S = 1.0, 1.5, 20
"""Seconds: for a list to be there; for a change to be on the other screen, with the time between
two looks; for anything else."""
HOSTILE = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202egnp.exe '
    + "W" * 900
)
LOADED = "const [found] = performance.getEntriesByType('navigation'); return found.loadEventEnd"
CONNECTED = "return document.documentElement.classList.contains('connected')"

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Walk through it with few, many and very many open."""
    for number in NUMBERS:
        with TemporaryDirectory() as folder, chromium() as browser:
            async with running(Path(folder), "receiver") as service:
                await (service.fill(number) if number > MODELS else _few(service, number))
                await Walk(report, service, browser, number).go()


async def _few(service: ManyOpen, number: int) -> None:
    for at in range(number):
        _, answer = await service.rig.post(notification(alert(f"Few{at}"), group=f"few{at}"))
        service.one = answer["incidents"][0]


class Walk:
    """A walk with so many open."""

    def __init__(self, report: Report, service: ManyOpen, browser: Chrome, number: int) -> None:
        self._report = report
        self._service = service
        self._browser = browser
        self._number = number
        self._base = service.rig.url
        self._tabs: list[str] = []

    async def go(self) -> None:
        """Take each step; the next one goes on where it ended."""
        await self._open()
        incident = await self._find()
        await self._take(incident)
        await self._many()
        await self._away()
        await self._hostile()
        await self._every_page(incident)

    def _say(self, what: str, figure: str, bound: str, ok: bool, *, timed: bool = False) -> None:  # noqa: FBT001 - a table's column
        self._report(f"{self._number:,} open: {what}", figure, bound, ok, timed=timed)

    async def _do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(work, *arguments)

    async def _ask(self, script: str) -> Any:
        return await self._do(self._browser.execute_script, script)

    async def _go(self, path: str) -> None:
        await self._do(self._browser.get, self._base + path)

    async def _turn(self, tab: int) -> None:
        await self._do(self._browser.switch_to.window, self._tabs[tab])

    async def _until(self, script: str, what: str) -> float:
        """Wait until a script returns something true; return for how long."""
        began = time.monotonic()
        await until(lambda: self._ask(script), WITHIN_S, what)
        return time.monotonic() - began

    async def _fire(self, name: str, severity: str, **labels: str) -> str:
        one = alert(name, labels={"severity": severity} | labels)
        status, answer = await self._service.rig.post(notification(one, group=name[:40]))
        assert status == 202, answer
        return str(answer["incidents"][0])

    async def _open(self) -> None:
        """Open two tabs, and see that both are told what changes."""
        await self._do(set_screen, self._browser, 1100, "light")
        took = []
        for number in range(2):
            if number:
                await self._do(self._browser.switch_to.new_window, "tab")
            await self._go("/")
            took.append(float(await self._ask(LOADED)) / 1000)
            await self._until(CONNECTED, "it is connected")
            self._tabs.append(self._browser.current_window_handle)
        shown = await self._ask("return Number(document.querySelector('#open span').textContent)")
        self._say("the list is there", f"{max(took):.2f} s, says {shown:,}",
                  f"< {LOAD_S:g} s, {self._number:,}",
                  max(took) < LOAD_S and shown == self._number, timed=True)  # fmt: skip

    async def _find(self) -> str:
        """Find one of a team by filters, in one tab, and by its address in the other."""
        incident = await self._fire("NeedleInHay", "critical", team="hay", host="db-7")
        await self._turn(0)
        await self._do(press, self._browser, ".narrow summary")
        await self._do(write, self._browser, "[name=label]", 'host=~"db-.*"')
        await self._do(press, self._browser, ".find > button")
        rows = "return [...document.querySelectorAll('#list article')].map((one) => one.id)"
        await self._until(f"return ({rows.removeprefix('return ')}).length === 1", "one row")
        address = await self._ask("return location.pathname + location.search")
        await self._turn(1)
        await self._go(address)
        found = await self._ask(rows)
        self._say("a filter's address in another tab", f"{found}", f"i-{incident}",
                  found == [f"i-{incident}"])  # fmt: skip
        return incident

    async def _take(self, incident: str) -> None:
        """Take it in one tab: it is on the screen of the other."""
        for tab in (0, 1):
            await self._turn(tab)
            await self._go("/?label=host%3D~%22db-.*%22")
            await self._until(CONNECTED, "it is connected")
        await self._turn(0)
        await self._ask("document.querySelector('[name=name]').value = 'Ann'")
        await self._do(press, self._browser, f"#i-{incident} button.primary")
        await self._turn(1)
        seen = f"return document.querySelector('#i-{incident} .state')?.textContent"
        took = await self._until(f"{seen}.includes('acknowledged by Ann')", "it is seen")
        self._say("taken in one tab, seen in the other", f"{took:.2f} s", f"< {SEEN_S:g} s",
                  took < SEEN_S, timed=True)  # fmt: skip

    async def _many(self) -> None:
        """Tick three, acknowledge, undo; then mean it."""
        names = [await self._fire(f"Batch{n}", "warning", batch="b") for n in range(3)]
        await self._turn(0)
        await self._go("/?label=batch%3D%22b%22")
        await self._until(CONNECTED, "it is connected")
        states = []
        for button in ("Undo", "Do it now"):
            for name in names:
                await self._do(press, self._browser, f"#i-{name} [name=incident]:not(:checked)")
            await self._do(press, self._browser, ".bar [formaction$='/bulk/acknowledge']")
            await self._do(press, self._browser, f"//button[text()='{button}']")
            if button == "Do it now":
                await self._until("return document.querySelector('.said')", "it is said")
            else:
                await self._ask("document.querySelectorAll('[name=incident]').forEach((one) => {"
                                " one.checked = false; })")  # fmt: skip
            found = [await self._service.rig.get(f"/v1/incidents/{name}") for name in names]
            states.append([one["state"] for one in found])
        self._say("three acknowledged, undone, done", f"{[one[0] for one in states]}",
                  "triggered, acknowledged",
                  states == [["triggered"] * 3, ["acknowledged"] * 3])  # fmt: skip

    async def _away(self) -> None:
        """End the service behind both tabs: each says so, and shows what it missed afterwards."""
        for tab in (0, 1):
            await self._turn(tab)
            await self._go("/?text=Late")
            await self._until(CONNECTED, "it is connected")
            await self._ask("window.mine = 1")
        await self._do(complaints, self._browser)
        began = time.monotonic()
        await self._service.rig.service.end()
        lost = "return document.querySelector('.lost')?.innerText.startsWith('Connection lost at')"
        await self._turn(0)
        await self._until(lost, "it says so")
        said = time.monotonic() - began
        await self._service.rig.start_service()
        late = await self._fire("LateOne", "critical")
        back = []
        for tab in (0, 1):
            await self._turn(tab)
            back.append(
                await self._until(f"return document.querySelector('#i-{late}')", "it is back")
            )
        same = await self._ask("return window.mine") == 1
        # That it could not be reached is in the browser's own log.
        await self._do(complaints, self._browser)
        figure = f"said after {said:.1f} s, back {max(back):.1f} s"
        self._say("the service goes and comes back", figure, f"< {WITHIN_S} s, same page", same)

    async def _hostile(self) -> None:
        incident = await self._fire(HOSTILE, "critical", host=HOSTILE)
        found = []
        for path in ("/?text=gnp.exe", f"/incidents/{incident}", f"/incidents/{incident}/review"):
            for width, scheme in SCREENS:
                await self._do(set_screen, self._browser, width, scheme)
                await self._go(path)
                title = await self._ask("return document.title")
                images = await self._ask(
                    "return document.querySelectorAll('main img[onerror]').length"
                )
                if title in ("1", "2") or images or not await self._do(fits, self._browser):
                    found.append((path, width, title, images))
        wrong = found + await self._do(complaints, self._browser)
        self._say(
            "hostile text on 3 pages, 2 screens", f"{len(wrong)} faults {wrong[:1]}", "0", not wrong
        )

    async def _every_page(self, incident: str) -> None:
        faults, blank = [], []
        paths = ("/", *pages([incident]))
        for width, scheme in SCREENS:
            await self._do(set_screen, self._browser, width, scheme)
            for path in paths:
                faults += await self._do(axe_faults, self._browser, self._base + path)
                light, colours = looks(await self._do(self._browser.get_screenshot_as_png))
                good = (light > 150) == (scheme == "light") and colours > 30
                if not good or not await self._do(fits, self._browser):
                    blank.append((path, width, round(light), colours))
        self._say(
            f"{len(paths)} pages, 2 screens: axe",
            f"{len(faults)} faults {faults[:1]}",
            "0",
            not faults,
        )
        self._say("the same drawn, none wider than its screen", f"{blank[:1]}", "[]", not blank)
