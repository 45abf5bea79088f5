"""axe-core in a browser: what of a page breaks WCAG 2.2 AA."""

from importlib.resources import files
from typing import Any

from selenium.webdriver import Chrome

SOURCE = (files("axe_playwright_python") / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']}).then(
  (found) => done(found.violations.map((one) => [one.id,
    one.nodes.map((node) => node.html.slice(0, 160) + ' ' + node.failureSummary.slice(0, 200))])),
  (error) => done([['axe', [String(error)]]]));
"""


def axe_faults(browser: Chrome, url: str = "") -> list[tuple[str, str, str]]:
    """Return (address, rule, where) of each fault of a page; without ``url`` of what is shown."""
    if url:
        browser.get(url)
    browser.execute_script(SOURCE)
    found: list[Any] = browser.execute_async_script(RUN, TAGS)
    return [(url or browser.current_url, rule, str(nodes)) for rule, nodes in found]
