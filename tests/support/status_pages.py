"""Status pages."""

from typing import Any

from tests.support.app import App

PAGE: dict[str, Any] = {
    "status_page.title": "Example status",
    "status_page.components": [
        {"name": "Checkout", "description": "Paying", "matchers": ['service="checkout"']},
        {"name": "Search", "matchers": ['service="search"']},
    ],
}


async def say(app: App, incident: str, status: str, **more: Any) -> Any:
    """Word an incident of the page."""
    body = {"status": status, "by": "Ann"} | more
    return await app.post(body, f"/v1/incidents/{incident}/status-update")


async def page(app: App, path: str = "/status.json") -> Any:
    """The page as it is after whatever was done last."""
    await app.service.status_page.refresh()
    status, found = await app.get(path)
    assert status == 200
    return found
