"""People log in with real Chromium: by password, at a real provider, through a proxy.

Then what must not work: sessions that were ended, forms of other sites, replays, forged headers;
and what must: a form that a login ended in the middle of, webhooks while strangers guess.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome

from receiver.aio.background import end
from receiver.login.passwords import hash_password
from tests.support import canaille_program
from tests.support.app import NO_ACCOUNTS, App
from tests.support.browser import chromium, complaints, fits, set_screen, text_of
from tests.support.canaille import canaille, log_in_at
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.logins import PASSWORD, Browser, entry
from tests.support.notification import alert, notification
from tests.support.rig import Rig, free_port

SCREENS = ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark"))
TOKEN = {"Authorization": "Bearer the-token-of-ops"}
OPS = {"name": "ops", "role": "admin", "token": "the-token-of-ops"}
PROXY_ADDRESS = "127.0.0.2"
WAIT_S = 20.0
FLOOD, WEBHOOKS = 150, 300
"""Guesses a second, and webhooks in a row."""
LATE_MS = 50.0

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Report each way in, what is refused, and that nothing is lost or late."""
    with TemporaryDirectory() as folder, chromium() as chrome:
        async with _service(Path(folder)) as app:
            tab = Tab(app, chrome)
            await _password(report, tab)
            await _single_sign_on(report, tab)
            await _proxy(report, tab)
            await _sessions(report, tab)
            await _other_sites(report, tab)
            await _replays(report, tab)
            await _amid_a_form(report, tab)
            await _looks(report, tab)
        await _flood(report, Path(folder) / "flood")


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[App]:
    port = free_port()
    slack, pagerduty = FakeSlack(), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    app = App(folder, slack, pagerduty)
    async with canaille(f"http://localhost:{port}/login/oidc/callback") as issuer:
        oidc = {
            "issuer": issuer,
            "client_id": canaille_program.CLIENT,
            "client_secret": canaille_program.SECRET,
            "scopes": ["openid", "profile", "email", "groups"],
            "roles": {"oncall": "responder", "staff": "viewer"},
        }
        proxy = {"header": "X-User", "default_role": "responder", "from": [PROXY_ADDRESS]}
        people = [entry(name, "responder") for name in ("ann", "ben", "cat", "dan")]
        await app.start(
            **NO_ACCOUNTS,
            **{
                "web.listen_address": f"127.0.0.1:{port}",
                "web.external_url": f"http://localhost:{port}",
                "web.credentials": [OPS, *people],
                "web.login": {"oidc": oidc, "proxy": proxy},
                "people": {"ann.smith": {"email": "ann@example.com", "name": "Ann Smith"}},
            },
        )
        try:
            yield app
        finally:
            await app.stop()
            await slack.stop()
            await pagerduty.stop()


class Tab:
    """One tab of Chromium, and the service that it looks at."""

    def __init__(self, app: App, chrome: Chrome) -> None:
        self.app = app
        self.chrome = chrome
        self.base = f"http://localhost:{app.service.api_port}"
        self._opened = 0

    async def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Drive the browser in a thread: the service answers in this loop."""
        return await asyncio.to_thread(work, *arguments)

    async def go(self, path: str) -> None:
        await self.do(self.chrome.get, path if "://" in path else self.base + path)

    async def text(self, selector: str = "body") -> str:
        return str(await self.do(text_of, self.chrome, selector))

    async def ask(self, script: str) -> Any:
        return await self.do(self.chrome.execute_script, script)

    async def until(self, check: Callable[[], Any], what: str) -> None:
        """Wait until something is so; a page may be on its way."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            try:
                if await self.do(check):
                    return
            except WebDriverException:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"{what}: {self.chrome.current_url}: {await self.text()}")

    async def at(self, path: str) -> None:
        """Wait until the tab is at a page of the service."""
        here = self.base + path
        await self.until(lambda: self.chrome.current_url.split("?")[0] == here, f"at {path}")

    async def fill(self, **fields: str) -> None:
        """Type into the fields of a form, and send it."""

        def typed() -> None:
            for name, value in fields.items():
                field = self.chrome.find_element("name", name)
                field.clear()
                field.send_keys(value)
            field.submit()

        await self.do(typed)

    async def log_in(self, name: str, password: str = PASSWORD) -> None:
        await self.fill(username=name, password=password)

    async def forget(self) -> None:
        """Be a browser that was never here."""
        await self.do(self.chrome.execute_cdp_cmd, "Network.clearBrowserCookies", {})

    async def incident(self) -> str:
        self._opened += 1
        body = notification(alert(f"A{self._opened}"), group=f"g{self._opened}")
        _, answer = await self.app.post(body, headers=TOKEN)
        return str(answer["incidents"][0])

    async def found(self, incident: str) -> Any:
        return (await self.app.get(f"/v1/incidents/{incident}", headers=TOKEN))[1]

    async def acknowledge(self, incident: str) -> str:
        """Press the button in the name of somebody else; return whose doing it is."""
        await self.ask(
            "for (const name of ['name', 'by', 'actor']) {"
            " const field = document.createElement('input');"
            " field.name = name; field.value = 'the CEO';"
            " document.querySelector('article form.act').append(field); }"
            " document.querySelector('article button.primary').click()"
        )
        await self.until(
            lambda: "acknowledged by" in text_of(self.chrome, "article .state"), "acknowledged"
        )
        return str((await self.found(incident))["acknowledged_by"]["name"])

    async def session(self) -> str:
        cookies = await self.do(self.chrome.get_cookies)
        return next((one["value"] for one in cookies if "session" in one["name"]), "")


async def _password(report: Report, tab: Tab) -> None:
    incident = await tab.incident()
    await tab.go(f"/incidents/{incident}")
    await tab.at("/login")
    await tab.log_in("ann", "wrong")
    await tab.until(lambda: "do not belong" in text_of(tab.chrome, ".problem"), "refused")
    refused = not await tab.session()
    await tab.log_in("ann")
    await tab.at(f"/incidents/{incident}")
    name = await tab.acknowledge(incident)
    good = refused and name == "ann"
    report("by password, back at the incident, acknowledged", f"by {name}", "by ann", good)


async def _single_sign_on(report: Report, tab: Tab) -> None:
    incident = await tab.incident()
    await tab.forget()
    await tab.go(f"/incidents/{incident}")
    await tab.do(lambda: tab.chrome.find_element("css selector", "a.button").click())
    await _at_the_provider(tab, "ann")
    await tab.at(f"/incidents/{incident}")
    name = await tab.acknowledge(incident)
    report(
        "at a real provider, its pages and consent",
        f"by {name}",
        "by Ann Smith",
        name == "Ann Smith",
    )
    await tab.forget()
    await tab.go("/login/oidc?next=/")
    await _at_the_provider(tab, "eve")
    await tab.until(lambda: "has no role here" in text_of(tab.chrome, ".problem"), "no role")
    inside = bool(await tab.session())
    report(
        "somebody of the provider without a role",
        "in" if inside else "told why",
        "told why",
        not inside,
    )
    await tab.forget()


async def _at_the_provider(tab: Tab, name: str) -> None:
    chrome = tab.chrome

    def step() -> bool:
        """Fill in whatever form the provider shows; true once it led back."""
        if chrome.current_url.startswith(tab.base):
            return True
        known = {"login": name, "password": canaille_program.PASSWORD}
        for field, value in known.items():
            for found in chrome.find_elements("name", field):
                found.send_keys(value)
                found.submit()
                return False
        for found in chrome.find_elements("css selector", "[name=answer][value=accept]"):
            found.click()
        return False

    await tab.until(step, "led back by the provider")


async def _proxy(report: Report, tab: Tab) -> None:
    incident = await tab.incident()
    async with _names_people("zoe", tab.app.url) as proxy:
        await tab.go(f"{proxy}/incidents/{incident}")
        name = await tab.acknowledge(incident)
    report("through a proxy that names people", f"by {name}", "by zoe", name == "zoe")
    headers = {"headers": {"X-User": "zoe"}}
    await tab.do(tab.chrome.execute_cdp_cmd, "Network.enable", {})
    await tab.do(tab.chrome.execute_cdp_cmd, "Network.setExtraHTTPHeaders", headers)
    await tab.go("/")
    there = tab.chrome.current_url
    await tab.do(tab.chrome.execute_cdp_cmd, "Network.setExtraHTTPHeaders", {"headers": {}})
    led = "/login" in there
    report(
        "its header from another address",
        "led to the login" if led else "in",
        "led to the login",
        led,
    )


@asynccontextmanager
async def _names_people(name: str, service: str) -> AsyncIterator[str]:
    """Run a proxy of its own address that says who everybody is."""
    connector = TCPConnector(local_addr=(PROXY_ADDRESS, 0))
    async with ClientSession(connector=connector, auto_decompress=False) as session:

        async def hand_on(request: web.Request) -> web.StreamResponse:
            headers = {key: value for key, value in request.headers.items() if key != "X-User"}
            async with session.request(
                request.method,
                service + str(request.rel_url),
                headers=headers | {"X-User": name},
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k != "Transfer-Encoding"}
                return web.Response(status=answer.status, headers=kept, body=await answer.read())

        async with _site(hand_on) as port:
            yield f"http://localhost:{port}"


@asynccontextmanager
async def _site(handler: Any) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _sessions(report: Report, tab: Tab) -> None:
    browsers = [Browser(tab.app) for _ in range(3)]
    for browser in browsers:
        await browser.log_in("ben")
    await tab.go("/login?next=/sessions")
    await tab.log_in("ben")
    await tab.at("/sessions")
    shown = (await tab.text("ul.sessions")).count("Elsewhere")
    await tab.ask("document.querySelector('form[action$=\"/sessions/end\"] .primary').click()")
    await tab.until(lambda: "other sessions are over" in text_of(tab.chrome, ".said"), "ended")
    left = [browser for browser in browsers if (await browser.get("/")).status == 200]
    here = await tab.text("h1")
    report("sessions elsewhere shown and ended", f"{shown}, {len(left)} left", "3, 0 left",
           (shown, len(left)) == (3, 0) and "ben" in here)  # fmt: skip
    kept = await tab.session()
    await tab.ask("document.querySelector('.leave button').click()")
    await tab.until(lambda: "logged out" in text_of(tab.chrome, ".said"), "logged out")
    thief = Browser(tab.app)
    thief.cookies["incident_manager_session"] = kept
    status = (await thief.get("/")).status
    report(
        "a cookie that was copied, after the log-out", f"HTTP {status}", "HTTP 303", status == 303
    )


async def _other_sites(report: Report, tab: Tab) -> None:
    """A page of our name at another port is the same site to a browser: the cookie is sent."""
    incident = await tab.incident()
    await tab.go("/login")
    await tab.log_in("cat")
    await tab.at("/")
    place = f"{tab.base}/incidents/{incident}"
    page = (
        f"<form id=a method=post action='{place}/acknowledge'>"
        "<input name=episode value=0><input name=csrf value=guessed></form>"
        f"<script>fetch('{place}/resolve', {{method: 'POST', mode: 'no-cors',"
        " credentials: 'include', body: new URLSearchParams({episode: 0})})"
        ".finally(() => a.submit())</script>"
    )

    async def evil(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    attacks = 0
    async with _site(evil) as port:
        for site in (f"http://localhost:{port}", f"http://evil.localhost:{port}",
                     f"http://127.0.0.1:{port}"):  # fmt: skip
            await tab.go(site)
            await tab.until(lambda: "acknowledge" in tab.chrome.current_url, "the form was sent")
            attacks += 2
    state = (await tab.found(incident))["state"]
    # The same with the session's own page, without the token it has.
    await tab.go(f"/incidents/{incident}")
    await tab.ask("document.querySelector('article [name=csrf]').value = 'guessed';"
                  "document.querySelector('article button.primary').click()")  # fmt: skip
    await tab.until(lambda: "NOT stored" in text_of(tab.chrome, ".unsent"), "refused")
    still = (await tab.found(incident))["state"]
    good = state == still == "triggered"
    report("forms of other sites, and without the token", f"{attacks + 1} sent, {still}",
           "7 sent, triggered", good and attacks == 6)  # fmt: skip


async def _replays(report: Report, tab: Tab) -> None:
    """The way back from the provider, opened again: there, with all cookies elsewhere, and here."""
    host = tab.base.removeprefix("http://")
    own, thief = (Browser(tab.app, {"Host": host, "Origin": tab.base}) for _ in range(2))
    begun = await own.get("/login/oidc?next=/")
    back = await log_in_at(begun.leads_to, "vic", f"{tab.base}/login/oidc/callback")
    path = back.removeprefix(tab.base)
    thief.cookies = dict(own.cookies)
    let_in = (await own.get(path)).status == 303
    refused = [(await own.get(path)).status, (await thief.get(path)).status]
    await tab.forget()
    await tab.go(back)
    said = "did not begin in this browser" in await tab.text(".problem")
    outside = not await tab.session() and not thief.session
    good = let_in and outside and said and not {303, 200} & set(refused)
    report(
        "the provider's way back, opened four times",
        "1 let in" if good else "more",
        "1 let in",
        good,
    )


async def _amid_a_form(report: Report, tab: Tab) -> None:
    incident = await tab.incident()
    await tab.forget()
    await tab.go(f"/incidents/{incident}")
    await tab.at("/login")
    await tab.log_in("dan")
    await tab.at(f"/incidents/{incident}")
    words = "the disk of db-7 was full"
    await tab.ask(
        "const form = document.querySelector('form[action$=\"/note\"]');"
        "for (let one = form; one; one = one.parentElement) if (one.localName === 'details')"
        f" one.open = true; form.querySelector('[name=text]').value = '{words}'"
    )
    await tab.app.service.login.sessions.end_of("dan")
    await tab.ask("document.querySelector('form[action$=\"/note\"] button').click()")
    await tab.until(lambda: "Your login is over" in text_of(tab.chrome, ".unsent"), "said")
    await tab.do(lambda: tab.chrome.find_element("css selector", ".unsent a").click())
    await tab.at("/login")
    await tab.log_in("dan")
    await tab.at(f"/incidents/{incident}")
    kept = await tab.ask(
        "return document.querySelector('form[action$=\"/note\"] [name=text]').value"
    )
    await tab.ask("document.querySelector('form[action$=\"/note\"] button').click()")
    await tab.until(lambda: words in text_of(tab.chrome, "ol.timeline"), "the note is there")
    timeline = (await tab.found(incident))["timeline"]
    notes = sum(line["kind"] == "note" for line in timeline)
    typed = "kept" if kept == words else "lost"
    report("a login that ends amid a form: typed, stored", f"{typed}, {notes}", "kept, 1",
           (typed, notes) == ("kept", 1))  # fmt: skip


async def _looks(report: Report, tab: Tab) -> None:
    fitting = 0
    await tab.do(complaints, tab.chrome)  # what was refused above is in it
    for width, scheme in SCREENS:
        await tab.do(set_screen, tab.chrome, width, scheme)
        for path in ("/login", "/sessions", "/"):
            if path == "/login":
                await tab.forget()
            elif path == "/sessions":
                await tab.log_in("dan")
                await tab.at("/")
            await tab.go(path)
            fitting += await tab.do(fits, tab.chrome)
    # An open list may ask once more after its login is gone.
    usual = ("favicon", "/events")
    said = [
        one
        for one in await tab.do(complaints, tab.chrome)
        if not any(part in one["message"] for part in usual)
    ]
    report("pages that fit their screen, complaints", f"{fitting}, {len(said)} {said[:1]}", "12, 0",
           (fitting, len(said)) == (12, 0))  # fmt: skip


async def _flood(report: Report, folder: Path) -> None:
    """Strangers guess while webhooks come: ten times as many as passwords can be checked."""
    folder.mkdir()
    rig = Rig(folder)
    credentials = json.dumps([OPS, entry("ann") | {"password_hash": hash_password(PASSWORD)}])
    await rig.start(LLM_IM__WEB__CREDENTIALS=credentials)
    try:
        await _webhooks(rig, "first")
        calm = await _webhooks(rig, "calm")
        statuses: Counter[int] = Counter()
        guesses = asyncio.create_task(_guesses(rig, statuses))
        await asyncio.sleep(1)
        flooded = await _webhooks(rig, "flooded")
        await end([guesses])
        report("strangers guess: checked, told to come again", f"{statuses[401]}, {statuses[503]}",
               "both, nothing else", set(statuses) == {401, 503})  # fmt: skip
        figure = f"{flooded:.1f} ms (calm {calm:.1f})"
        report("webhooks meanwhile, p99", figure, f"< {LATE_MS:.0f} ms more",
               flooded < calm + LATE_MS, timed=True)  # fmt: skip
    finally:
        await rig.stop()


async def _guesses(rig: Rig, statuses: Counter[int]) -> None:
    """Guess ``FLOOD`` times a second, each time for another name, for 30 s at most.

    From many addresses: of one the guesses would soon be refused without a look.
    """
    running: set[asyncio.Task[None]] = set()

    async def guess(session: ClientSession, number: int) -> None:
        fields = {"username": f"stranger{number}", "password": "a guess"}
        async with session.post(f"{rig.url}/login", data=fields) as answer:
            statuses[answer.status] += 1

    async with AsyncExitStack() as stack:
        sessions = [
            await stack.enter_async_context(
                ClientSession(connector=TCPConnector(local_addr=(f"127.1.0.{number}", 0)))
            )
            for number in range(1, 31 * FLOOD // 100)
        ]
        try:
            for number in range(30 * FLOOD):
                task = asyncio.create_task(guess(sessions[number % len(sessions)], number))
                running.add(task)
                task.add_done_callback(running.discard)
                await asyncio.sleep(1 / FLOOD)
        finally:
            await end(running)


async def _webhooks(rig: Rig, name: str) -> float:
    """Return the 99th percentile (ms) of what webhooks take."""
    took = []
    for number in range(WEBHOOKS):
        body = json.dumps(notification(alert(f"{name}{number}"), group=f"{name}{number}"))
        started = time.perf_counter()
        url = f"{rig.url}/v1/alerts/webhook"
        async with rig.session.post(url, data=body.encode(), headers=TOKEN) as answer:
            assert answer.status == 202, await answer.text()
        took.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.02)
    return sorted(took)[len(took) * 99 // 100]
