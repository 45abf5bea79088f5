"""A P1 goes through its life on the public status page, which real Chromium shows at each step.

Whatever outsiders are sent is kept, and scanned for every label value, host, id and name there was.
"""

import asyncio
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
from selenium.webdriver import Chrome

from benchmarks.load import get_bytes, run_load
from receiver.store.embedded.server import EmbeddedValkey
from tests.support.browser import chromium, complaints, fits, looks, set_screen
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import CHANNEL, Rig, until

NAME = "status-page"
SCREENS = ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark"))
REQUESTS, CONNECTIONS = 5_000, 64
LABELS = {
    "severity": "critical",
    "service": "pay-svc",
    "cluster": "eu-prod-1",
    "namespace": "billing-prod",
    "instance": "db-7.prod.internal.example:5432",
    "pod": "pay-svc-6f7d9c-x2x4q",
    "customer": "Globex Corporation",
    "region": "Europe",
}
NOTES = {
    "summary": "Postgres db-7 refuses connections from 10.20.30.40",
    "runbook_url": "https://wiki.internal.example/runbooks/postgres",
}
PAGE = {
    "title": "Example status",
    "components": [
        {"name": "Paying", "description": "Cards and invoices", "matchers": ['service="pay-svc"']},
        {"name": "Search", "matchers": ['service="search-svc"']},
    ],
    "templates": {"title": "Problem with {components} in {region}"},
}

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Report each step, the scan, what a crowd costs, and what is left when Redis is away."""
    with TemporaryDirectory() as name, chromium() as browser:
        rig = Rig(Path(name))
        settings = {f"LLM_IM__STATUS_PAGE__{key.upper()}": _text(to) for key, to in PAGE.items()}
        await rig.start(**settings)
        try:
            outside = Outside(rig, browser)
            await _life(report, rig, outside)
            await _crowd(report, rig)
            await _away(report, rig, outside)
            _scan(report, await rig.incidents(), rig, outside)
        finally:
            await rig.stop()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Outside:
    """Somebody who only knows the page; everything that reached them is kept."""

    def __init__(self, rig: Rig, browser: Chrome) -> None:
        self._rig = rig
        self._browser = browser
        self.received: list[str] = []
        self.cookies = 0

    async def fetch(self, path: str) -> str:
        async with self._rig.session.get(self._rig.url + path) as answer:
            text = await answer.text()
            self.received.append(f"{answer.headers}\n{text}")
            self.cookies += len(answer.cookies)
            return text

    async def data(self) -> Any:
        return json.loads(await self.fetch("/status.json"))

    async def look(self, *words: str) -> str:
        """Look at the page on every screen; return what is wrong with it, "" when nothing is."""
        await self.fetch("/status")
        return await asyncio.to_thread(self._look, words)

    def _look(self, words: tuple[str, ...]) -> str:
        # As if it were reloaded: for 5 s the browser would show what it has.
        self._browser.execute_cdp_cmd("Network.enable", {})
        self._browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        for width, scheme in SCREENS:
            set_screen(self._browser, width, scheme)
            self._browser.get(f"{self._rig.url}/status")
            script = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
            self._browser.execute_script(script)
            shown: Any = self._browser.execute_script("return document.body.innerText")
            self.received += [shown, self._browser.page_source]
            light, colours = looks(self._browser.get_screenshot_as_png())
            wrong = [f"does not say {word!r}" for word in words if word not in shown]
            wrong += [] if fits(self._browser) else ["wider than the screen"]
            wrong += [] if (light > 150) == (scheme == "light") and colours > 30 else ["blank"]
            wrong += [str(one) for one in complaints(self._browser)]
            if wrong:
                return f"{width} px, {scheme}: {wrong}"
        return ""


async def _life(report: Report, rig: Rig, outside: Outside) -> None:
    incident, rounds = "", 0

    async def nothing() -> None:
        pass

    async def fires() -> None:
        nonlocal incident
        nonlocal rounds
        rounds += 1
        # The same start again would be an echo of what is resolved.
        starts = f"2026-03-02T{10 + 2 * rounds}:00:00Z"
        _, answer = await rig.post(_notification(starts=starts))
        (incident,) = answer["incidents"]

    async def say(status: str, text: str) -> None:
        body = {"status": status, "text": text, "by": "Ann Internal"}
        code, _ = await rig.post(body, f"/v1/incidents/{incident}/status-update")
        assert code == 200

    async def from_slack() -> None:
        await until(lambda: rig.slack.top_level(CHANNEL), PATIENCE_S, "it is in Slack")
        client = rig.slack.client("U1")
        await _send(rig, client.press(rig.slack.top_level(CHANNEL)[-1], "menu", "more"))
        await _send(rig, client.press_in(client.window, "status_update"))
        text = "The old release is back."
        await _send(rig, client.submit(status="monitoring", text=text, impact="degraded"))

    async def resolves() -> None:
        await rig.post(
            _notification(resolved=True, starts="2026-03-02T12:00:00Z", ends="2026-03-02T13:00:00Z")
        )

    async def hides() -> None:
        await rig.post({"by": "Ann Internal"}, f"/v1/incidents/{incident}/status-hide")

    def goes_on(status: str) -> Callable[[Any], bool]:
        return lambda page: [one["status"] for one in page["incidents"]] == [status]

    def over(count: int) -> Callable[[Any], bool]:
        return lambda page: not page["incidents"] and len(page["history"]) == count

    fix = "A release made card payments fail. We take it back."
    step = _Step(report, outside)
    await step("nothing is wrong", nothing, over(0), "All systems operational")
    await step("P1: investigating", fires, goes_on("investigating"), "Major outage", "Europe")
    before = (await rig.get(f"/v1/incidents/{incident}"))["deadlines"]["update"]["due"]
    await step("identified (API)", lambda: say("identified", fix), goes_on("identified"), fix)
    after = (await rig.get(f"/v1/incidents/{incident}"))["deadlines"]["update"]["due"]
    report("the next status update is due later", f"{after > before}", "True", after > before)
    await step("monitoring (Slack)", from_slack, goes_on("monitoring"), "The old release is back.")
    await step(
        "resolved by its alerts", resolves, over(1), "is resolved", "All systems operational"
    )
    again = "has come back"
    await step("fires again", fires, goes_on("investigating"), again, "Major outage")
    await step("taken back by a person", hides, over(0), "Nothing in the last 90 days")


class _Step:
    """Does one thing, waits until programs see it, and looks at the page."""

    def __init__(self, report: Report, outside: Outside) -> None:
        self._report = report
        self._outside = outside

    async def __call__(
        self,
        name: str,
        do: Callable[[], Awaitable[None]],
        holds: Callable[[Any], bool],
        *words: str,
    ) -> None:
        loop = asyncio.get_running_loop()
        await do()
        began = loop.time()

        async def there() -> bool:
            return holds(await self._outside.data())

        await until(there, PATIENCE_S, f"programs see: {name}")
        took = loop.time() - began
        wrong = await self._outside.look(*words)
        self._report(name, f"JSON after {took:.1f} s", "2 s", took < 2, timed=True)
        self._report(name, "page wrong" if wrong else "page right", "right", not wrong)
        if wrong:
            print(f"  {wrong}")


def _notification(**more: Any) -> dict[str, Any]:
    return notification(alert("PostgresRefuses", labels=LABELS, annotations=NOTES, **more))


async def _send(rig: Rig, sent: Any) -> None:
    body, headers = rig.slack.signed(sent, int(time.time()))
    url = f"{rig.url}/v1/slack/actions"
    async with rig.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        text = await answer.text()
    if sent[1].get("type") == "view_submission":
        rig.slack.views.apply_answer(sent[1]["view"]["id"], json.loads(text) if text else {})


def _scan(report: Report, incidents: list[dict[str, Any]], rig: Rig, outside: Outside) -> None:
    """Look for everything internal in everything that went outside."""
    ids = {message.text for message in rig.slack.top_level(CHANNEL)}
    told = {text for name, text in LABELS.items() if name != "region"} | set(NOTES.values()) | ids
    told |= {
        "PostgresRefuses",
        "db-7",
        "10.20.30.40",
        "prod",
        "internal",
        "Internal",
        "Ann",
        "alice",
    }
    told |= {"P1", CHANNEL, "wiki", "prometheus", "alertmanager", "aiohttp", "valkey", "checkout"}
    told |= {socket.gethostname(), *(one["id"] for one in incidents)}
    told |= {one["id"].split("-")[1] for one in incidents}
    found = {text for text in told if any(text in one for one in outside.received)}
    seen = sum(map(len, outside.received))
    report(
        f"{len(told)} internal texts in {seen / 1e6:.1f} MB sent",
        f"{len(found)} found",
        "0",
        not found,
    )
    if found:
        print(f"  {found}")
    allowed = any("in Europe" in one for one in outside.received)
    report("the label that a template names", f"{allowed}", "True", allowed)
    report("cookies", f"{outside.cookies}", "0", not outside.cookies)


async def _crowd(report: Report, rig: Rig) -> None:
    calls = await asyncio.to_thread(_calls, rig)
    result = await run_load(
        rig.port, itertools.repeat(b"/status"), REQUESTS, CONNECTIONS, made=get_bytes
    )
    made = await asyncio.to_thread(_calls, rig) - calls
    good = result.statuses[200]
    report(f"{REQUESTS:,} readers: answered", f"{good:,}", "all", good == REQUESTS)
    rate, slow = result.rate, result.percentile(0.99)
    report("answers a second", f"{rate:,.0f}", "1,000", rate > 1000, timed=True)
    report("99 % answered within", f"{slow:.0f} ms", "250 ms", slow < 250, timed=True)
    few = made < REQUESTS // 50
    report("calls of Redis meanwhile", f"{made}", f"{REQUESTS // 50}", few, timed=True)


def _calls(rig: Rig) -> int:
    client = redis.Redis(unix_socket_path=EmbeddedValkey(rig.storage / "valkey").socket_path)
    try:
        info: Any = client.info("stats")
        return int(info["total_commands_processed"])
    finally:
        client.close()


async def _away(report: Report, rig: Rig, outside: Outside) -> None:
    known = await outside.data()
    pid = await asyncio.to_thread(rig.valkey_pid)
    os.kill(pid, signal.SIGSTOP)
    try:

        async def stale() -> bool:
            return bool((await outside.data())["stale"])

        await until(stale, PATIENCE_S, "the page says that it is old")
        late = await outside.data()
        wrong = await outside.look("This is what we knew at", "All systems operational")
        same = late["history"] == known["history"] and late["components"] == known["components"]
        report(
            "Redis away: the last known page",
            wrong or "served, says so",
            "served",
            same and not wrong,
        )
    finally:
        os.kill(pid, signal.SIGCONT)

    async def fresh() -> bool:
        return not (await outside.data())["stale"]

    await until(fresh, PATIENCE_S, "the page is fresh again")
    wrong = await outside.look("All systems operational")
    report("Redis back", wrong or "fresh", "fresh", not wrong)
