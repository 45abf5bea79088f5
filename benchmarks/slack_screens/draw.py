"""Draws screens with Chromium, and looks at what it drew."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from benchmarks.slack_screens.examples import NAMES, NOW, Screen
from benchmarks.slack_screens.mrkdwn import Reader
from tests.support.browser import chromium

FOLDER = Path(__file__).parent
PHONE, DESK = 390, 720
COLOURS = 200


class Drawn:
    """A picture and what a test wants to know of it."""

    def __init__(self, png: bytes, text: str, *, fits: bool) -> None:
        self.png = png
        self.text = text
        self.fits = fits
        image = Image.open(io.BytesIO(png))
        self.size = image.size
        self.colours = len(image.convert("RGB").getcolors(1 << 20) or [])


class Drawer:
    """Draws with one browser."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser
        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        # Blocks have no key for what is left out: there undefined is the same as none.
        environment.undefined = type(
            "Lenient", (StrictUndefined,), {"__bool__": _no, "__str__": _empty}
        )
        self._template = environment.get_template("screen.html.j2")
        self._style = (FOLDER / "style.css").read_text(encoding="utf-8")

    def draw(self, screen: Screen, width: int, scheme: str) -> Drawn:
        """Return a screen as it looks ``width`` pixels wide in ``light`` or ``dark``."""
        reader = Reader(NOW // 1000, NAMES)
        page = self._template.render(
            name=screen.name,
            kind=screen.kind,
            scheme=scheme,
            style=self._style,
            messages=screen.messages,
            view=screen.view,
            errors=screen.errors,
            options=screen.options,
            mrkdwn=reader.render,
            when=_when,
            time=f"{datetime.fromtimestamp(NOW / 1000, UTC):%H:%M}",
        )
        with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            return self._shoot(file.name, width)

    def _shoot(self, file: str, width: int) -> Drawn:
        self._size(width, 600)
        self._browser.get(f"file://{file}")
        script = "return [document.documentElement.scrollWidth, document.body.scrollHeight]"
        shown: Any = self._browser.execute_script(script)
        self._size(width, int(shown[1]))
        main = self._browser.find_element(By.TAG_NAME, "main")
        return Drawn(_small(main.screenshot_as_png), main.text, fits=shown[0] <= width)

    def _size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _no(_self: object) -> bool:
    return False


def _empty(_self: object) -> str:
    return ""


def _when(unix: int) -> str:
    at = datetime.fromtimestamp(unix, UTC)
    return f"{at:%B} {at.day}, {at:%H:%M}"


def _small(png: bytes) -> bytes:
    """Return a picture with a palette: a tenth of the size, and the same to the eye."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    found = io.BytesIO()
    image.save(found, "PNG", optimize=True)
    return found.getvalue()


@contextmanager
def drawer() -> Iterator[Drawer]:
    """Give a drawer whose browser is closed at the end."""
    with chromium() as browser:
        yield Drawer(browser)
