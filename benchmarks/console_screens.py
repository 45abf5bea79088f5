"""``python -m benchmarks.console_screens [FOLDER]``: draws the pages of the console, as they are.

A service runs with some of what its first users send; real Chromium draws each page.
"""

import asyncio
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from PIL import Image
from selenium.webdriver import Chrome

from tests.support.app import NO_ACCOUNTS, App
from tests.support.browser import chromium, set_screen
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.status_pages import PAGE

USUAL = Path(__file__).parents[1] / "docs" / "console"
DESK, PHONE = 1100, 360
COLOURS = 64
"""Text on plain areas needs no more, and is a fourth as large."""


class Screen(NamedTuple):
    """A page; ``path`` has ID for the incident that is open, OVER for one that is resolved."""

    name: str
    caption: str
    path: str
    width: int = DESK
    scheme: str = "light"


_LABELS = "labels=alertname%3DLlmErrors%2Cseverity%3Derror%2Csystem%3Dauto-optimizer"
SCREENS = (
    Screen("list", "What is open", "/"),
    Screen("list-phone", "The same on a phone, at night", "/", PHONE, "dark"),
    Screen("wall", "The same on a wall", "/?wall=1", DESK, "dark"),
    Screen("incident", "An incident", "/incidents/ID"),
    Screen("incident-phone", "The same on a phone", "/incidents/ID", PHONE, "dark"),
    Screen("history", "What was", "/history"),
    Screen("response", "How it was answered", "/response"),
    Screen("operations", "How the service does", "/operations"),
    Screen("routing", "Who would be told", f"/routing?{_LABELS}"),
    Screen("review", "A review", "/incidents/OVER/review"),
    Screen("action-items", "What is left to do", "/action-items"),
    Screen("api", "The API", "/api/"),
)  # fmt: skip
FIRED = (
    ("HighErrorRate", "critical", "auto-optimizer", ("api-1", "api-2", "api-3")),
    ("LlmErrors", "warning", "auto-optimizer", ("api-1",)),
    ("ElevatedErrorRate", "warning", "config-manager", ("config-1", "config-2")),
    ("HighLatency", "error", "config-manager", ("config-1",)),
    ("ServiceDown", "critical", "orchestrator", ("worker-7",)),
    ("DiskFilling", "warning", "auto-optimizer", ("db-1", "db-2", "db-3", "db-4")),
    ("CacheNearlyFull", "info", "auto-optimizer", ("cache-1",)),
)


async def _scene(app: App) -> dict[str, str]:
    """Have incidents of every kind; return those that pages are about."""
    names = {}
    for name, severity, system, hosts in FIRED:
        one = [_alert(name, severity, system, host) for host in hosts]
        _, answer = await app.post(notification(*one, group=name))
        names[name] = str(answer["incidents"][0])
        app.clock.move(70)
    await app.settle()
    await _act(app, names["ServiceDown"], "acknowledge")
    await _act(
        app, names["HighErrorRate"], "note", text="Rolled back to the release of this morning"
    )
    await _act(app, names["ElevatedErrorRate"], "acknowledge")
    app.clock.move(600)
    await _act(app, names["ElevatedErrorRate"], "resolve")
    await _act(app, names["ElevatedErrorRate"], "action-item", text="Alert on the error budget")
    await app.settle()
    return {"ID": names["HighErrorRate"], "OVER": names["ElevatedErrorRate"]}


def _alert(name: str, severity: str, system: str, host: str) -> dict[str, Any]:
    labels = {"severity": severity, "system": system, "service": system, "instance": host}
    return alert(name, labels=labels, annotations={"summary": f"{name} on {host}"})


async def _act(app: App, incident: str, action: str, **more: str) -> None:
    path = f"/v1/incidents/{incident}/{action}"
    status, answer = await app.post({"by": "Ann"} | more, path)
    assert status < 300, answer


def _draw(browser: Chrome, url: str, screen: Screen) -> bytes:
    set_screen(browser, screen.width, screen.scheme)
    browser.get(url)
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    small = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


async def _draw_all(folder: Path, screens: Sequence[Screen]) -> None:
    with TemporaryDirectory() as storage, chromium() as browser:
        app = App(Path(storage), FakeSlack(), FakePagerDuty())
        await app.start(**NO_ACCOUNTS, **PAGE)
        try:
            names = await _scene(app)
            for screen in screens:
                path = screen.path
                for word, incident in names.items():
                    path = path.replace(word, incident)
                png = await asyncio.to_thread(_draw, browser, app.url + path, screen)
                (folder / f"{screen.name}.png").write_bytes(png)
                print(f"{screen.name:<20} {len(png) / 1024:5.1f} KB", flush=True)
        finally:
            await app.stop()


def main() -> None:
    """Draw into a folder (default docs/console), and write the page that shows them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else USUAL
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_draw_all(folder, SCREENS))
    lines = [
        "# The console, drawn",
        "",
        "Made by `make console-screens` from the pages as they are served.",
    ]
    for screen in SCREENS:
        lines += ["", f"## {screen.caption}", "", f"![{screen.caption}]({screen.name}.png)"]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
