"""Somebody who asks too often is told when to come again, and no alert is lost for it."""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.http.limits import GUESSES
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

SENDER = {"Authorization": "Bearer the-token-of-the-sender"}
OPS = {"Authorization": "Bearer the-token-of-operations"}
CREDENTIALS = [
    {"name": "am", "role": "sender", "token": "the-token-of-the-sender"},
    {"name": "ops", "role": "admin", "token": "the-token-of-operations"},
    {"name": "old", "role": "sender", "username": "old", "password": "a-password-of-old"},
    {"name": "new", "role": "sender", "username": "new", "password": "a-password-of-new"},
]
LIMITS = {
    "requests_per_address": 20,
    "requests_per_credential": 30,
    "notes_per_person": 2,
    "incidents_per_person": 1,
}


@pytest.fixture
async def limited(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        **{
            "web.credentials": CREDENTIALS,
            "web.limits": LIMITS,
            "web.trusted_proxies": ["127.0.0.1"],
        }
    )
    yield running
    await running.stop()


def at(address: str) -> dict[str, str]:
    """Return the header by which a proxy says whom it asks for."""
    return {"X-Forwarded-For": address}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


async def asked(app: App, path: str, headers: dict[str, str], method: str = "GET") -> Any:
    """Return status, Retry-After and body."""
    async with app.session.request(method, app.url + path, headers=headers) as answer:
        return answer.status, answer.headers.get("Retry-After"), await answer.text()


async def test_an_address_that_asks_too_often_is_told_when_to_come_again(limited: App) -> None:
    one, other = at("203.0.113.9"), at("203.0.113.10")
    for path in ("/health", "/nowhere", "/v1/incidents", "/login") * 5:
        assert (await asked(limited, path, one))[0] in (200, 401, 404)
    status, wait, text = await asked(limited, "/health", one)
    assert (status, wait) == (429, "3")
    assert "too many requests come from your address: come again in 3 s" in text
    page = {"Accept": "text/html", **one}
    status, _, text = await asked(limited, "/", page)
    assert (status, "come again in 3 s" in text, "<html" in text) == (429, True, True)
    assert (await asked(limited, "/health", other))[0] == 200
    assert (await asked(limited, "/health", {}))[0] == 200
    # Its alerts are taken all the same.
    status, _ = await limited.post(notification(alert()), headers=SENDER | one)
    assert status == 202
    line = 'incident_manager_requests_limited_total{limit="address"}'
    _, _, text = await asked(limited, "/metrics", OPS)
    assert f"{line} 2" in text


async def test_a_credential_that_asks_too_often_is_told_and_alerts_come_again(
    limited: App,
) -> None:
    for _ in range(30):
        assert (await asked(limited, "/v1/incidents", OPS))[0] == 200
    assert (await asked(limited, "/v1/incidents", OPS))[:2] == (429, "2")
    for _ in range(50):
        assert (await limited.post(notification(alert()), headers=SENDER))[0] == 202
    # By default there is no limit to alerts; with one they are told to come again, never 429.
    limited.wanted["web.limits"] = LIMITS | {"webhooks_per_credential": 3}
    await limited.service.reload("test")
    for _ in range(3):
        assert (await limited.post(notification(alert()), headers=SENDER))[0] == 202
    status, wait, text = await asked(limited, "/v1/alerts/webhook", SENDER, "POST")
    assert (status, wait) == (503, "20")
    assert "too many alerts come from am" in text


async def test_who_guesses_passwords_is_slowed_down_and_locks_no_sender_out(limited: App) -> None:
    one, body = at("203.0.113.9"), notification(alert())
    old = basic("old", "a-password-of-old") | one
    assert (await limited.post(body, headers=old))[0] == 202
    for number in range(GUESSES):
        headers = basic("old", f"guess-{number}") | one
        assert (await limited.post(body, headers=headers))[0] == 401
    # From there a right one is as good as a wrong one, as far as one can tell.
    for headers in (basic("new", "wrong"), basic("new", "a-password-of-new")):
        status, wait, text = await asked(limited, "/v1/alerts/webhook", headers | one, "POST")
        assert (status, wait) == (503, "6"), text
    assert (await asked(limited, "/v1/incidents", basic("new", "x") | one))[:2] == (429, "6")
    # Who was right before, who shows a token, and who is elsewhere, is heard.
    assert (await limited.post(body, headers=old))[0] == 202
    assert (await limited.post(body, headers=SENDER | one))[0] == 202
    elsewhere = basic("new", "a-password-of-new") | at("203.0.113.10")
    assert (await limited.post(body, headers=elsewhere))[0] == 202


async def test_notes_and_incidents_by_hand_have_a_measure_on_every_face(limited: App) -> None:
    _, answer = await limited.post(notification(alert()), headers=SENDER)
    name = answer["incidents"][0]
    path = f"/v1/incidents/{name}/note"
    for number in range(2):
        assert (await limited.post({"text": f"{number}"}, path, headers=OPS))[0] == 200
    async with limited.session.post(
        limited.url + path, json={"text": "more"}, headers=OPS
    ) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
        assert "too many notes" in (await refused.json())["detail"]
    form = {"text": "by a form"}
    page = f"{limited.url}/incidents/{name}/note"
    person = OPS | {"Accept": "text/html"}
    async with limited.session.post(page, data=form, headers=person) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
        shown = await refused.text()
        assert "too many notes" in shown
        assert "by a form" in shown  # what was written is kept, and can be sent again
    opened = [
        (await limited.post({"title": str(number)}, "/v1/incidents", headers=OPS))[0]
        for number in range(2)
    ]
    assert opened == [201, 429]
    # Everything else somebody does for an incident is no note.
    assert (await limited.post({}, f"/v1/incidents/{name}/acknowledge", headers=OPS))[0] == 200
