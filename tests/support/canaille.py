"""A real provider of single sign-on beside a test, and its forms filled in as a person does."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from urllib.parse import urljoin

from aiohttp import ClientSession, CookieJar

from tests.support.canaille_program import PASSWORD
from tests.support.places import ROOT
from tests.support.rig import free_port


@asynccontextmanager
async def canaille(redirect: str) -> AsyncIterator[str]:
    """Run the provider for a client that is led back to; give its issuer."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.canaille_program", str(port), redirect),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line == b"ready\n", line
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        await process.wait()


async def log_in_at(url: str, name: str, back: str) -> str:
    """Go through the provider's pages from ``url``; return the address it leads back to."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        method, data = "GET", None
        for _ in range(12):
            async with session.request(method, url, data=data, allow_redirects=False) as answer:
                text = await answer.text()
            if answer.status in (301, 302, 303):
                url, method, data = urljoin(url, answer.headers["Location"]), "GET", None
                if url.startswith(back):
                    return url
                continue
            assert answer.status == 200, (answer.status, text[-500:])
            method, data = "POST", _filled(text, name)
        raise AssertionError(f"the provider leads nowhere: {url}")


def _filled(page: str, name: str) -> dict[str, str]:
    """Return the first form of a page as somebody fills it in."""
    form = page.split("<form")[1].split("</form>", maxsplit=1)[0]
    known = {"login": name, "password": PASSWORD, "answer": "accept"}
    data = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", form):
        fields = {key: unescape(value) for key, value in re.findall(r'(\w+)="([^"]*)"', tag)}
        if "name" in fields and fields["name"] not in data:
            data[fields["name"]] = known.get(fields["name"]) or fields.get("value", "")
    return data
