"""What each role may do: every route with every role, and what a credential may say of itself."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from receiver.app.routes import ROUTES
from receiver.http.config import hash_of
from receiver.http.routes import API, ROLES, Who
from receiver.roles import Role, may
from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert, notification

TOKENS = {role: f"the-token-of-the-{role}" for role in Role}
HASHED = "the-token-nobody-wrote-down"
EXPIRED, GOES_ON = "the-token-of-last-year", "the-token-of-next-century"
ENTRIES: list[dict[str, Any]] = [
    {"name": role.value, "role": role.value, "token": token} for role, token in TOKENS.items()
] + [
    {"name": "legacy", "token": "the-token-without-a-role"},
    {"name": "prod", "role": "sender", "cluster": "prod", "token_hash": hash_of(HASHED)},
    {"name": "old", "role": "admin", "token": EXPIRED, "expires": "2020-01-01"},
    {"name": "young", "role": "viewer", "token": GOES_ON, "expires": "2999-12-31"},
    {"name": "bot", "role": "responder", "token": "the-token-of-the-bot", "act_as": True},
]
NAMES = {"{id}": "0-aaaaaaaaaaaaaaaa-1", "{action}": "acknowledge", "{name}": "x"}
LEGACY = {"Authorization": "Bearer the-token-without-a-role"}


@pytest.fixture
async def app(tmp_path: Any, fakes: Any) -> AsyncIterator[App]:
    found = App(tmp_path, *fakes)
    await found.start(
        **{
            **NO_ACCOUNTS,
            "web.credentials": ENTRIES,
            "status_page.components": [{"name": "Shop", "matchers": ['severity=~".+"']}],
        }
    )
    yield found
    await found.stop()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _of(role: Role) -> dict[str, str]:
    return _bearer(TOKENS[role])


async def _asked(app: App, method: str, path: str, headers: dict[str, str], **more: Any) -> Any:
    async with app.session.request(
        method, app.url + path, headers=headers, allow_redirects=False, **more
    ) as answer:
        # A stream of events has no end.
        ends = answer.content_type != "text/event-stream"
        return answer.status, await answer.text() if ends else ""


async def _opened(app: App) -> str:
    _, answer = await app.post(notification(alert()), headers=LEGACY)
    return str(answer["incidents"][0])


def _address(path: str, incident: str) -> str:
    path = re.sub(r":[^}]+}", "}", path).replace("{id}", incident)
    for part, value in NAMES.items():
        path = path.replace(part, value)
    return path


@pytest.mark.parametrize("role", Role)
async def test_every_route_lets_in_the_roles_that_it_says(app: App, role: Role) -> None:
    incident = await _opened(app)
    for row in ROUTES:
        if row.port != API or row.who not in ROLES or row.path == "/-/reload":
            continue
        status, text = await _asked(app, row.method, _address(row.path, incident), _of(role))
        if may(role, ROLES[row.who]):
            assert status not in (401, 403, 500), (row, status, text)
        else:
            assert status == 403, (row, status, text)
            assert f"the credential {role} has the role {role}" in text
            assert f"needs {ROLES[row.who]}" in text


def test_who_may_what_is_as_written_here() -> None:
    allowed = {role: {needed for needed in Role if may(role, needed)} for role in Role}
    assert allowed == {
        Role.SENDER: {Role.SENDER},
        Role.VIEWER: {Role.VIEWER},
        Role.RESPONDER: {Role.VIEWER, Role.RESPONDER},
        Role.PUBLISHER: {Role.VIEWER, Role.RESPONDER, Role.PUBLISHER},
        Role.ADMIN: set(Role),
    }
    assert all(may(None, needed) for needed in Role)


async def test_the_token_of_an_alertmanager_can_do_nothing_but_send(app: App) -> None:
    headers = _bearer(HASHED)
    status, answer = await app.post(notification(alert()), headers=headers)
    assert status == 202
    incident = answer["incidents"][0]
    for action in ("resolve", "acknowledge", "status-update", "note"):
        status, text = await _asked(
            app, "POST", f"/v1/incidents/{incident}/{action}", headers, json={"by": "the CEO"}
        )
        assert status == 403, text
    assert (await _asked(app, "GET", f"/v1/incidents/{incident}", headers))[0] == 403
    shown = (await app.get(f"/v1/incidents/{incident}", headers=LEGACY))[1]
    assert shown["state"] == "triggered"


@pytest.mark.parametrize(
    ("role", "status"), [(Role.RESPONDER, 403), (Role.PUBLISHER, 200), (Role.ADMIN, 200)]
)
async def test_what_outsiders_read_is_a_publishers(app: App, role: Role, status: int) -> None:
    incident = await _opened(app)
    place = f"/v1/incidents/{incident}/status-update"
    body = {"status": "investigating", "components": ["Shop"], "impact": "degraded"}
    got, text = await _asked(app, "POST", place, _of(role), json=body)
    assert got == status, text
    shown = (await app.get(f"/v1/incidents/{incident}", headers=LEGACY))[1]
    kinds = [entry["kind"] for entry in shown["timeline"]]
    assert ("status_update" in kinds) is (status == 200)
    if status == 403:
        assert "needs publisher" in text
    for action in ("status-hide", "status-show"):
        got, text = await _asked(app, "POST", f"/v1/incidents/{incident}/{action}", _of(role))
        assert got == status, text


async def test_nobody_acts_in_anothers_name_but_who_may(app: App) -> None:
    incident = await _opened(app)
    body = {"by": "the CEO", "text": "seen"}
    answers = {}
    for name, headers in {
        "responder": _of(Role.RESPONDER),
        "bot": _bearer("the-token-of-the-bot"),
        "legacy": LEGACY,
    }.items():
        path = f"/v1/incidents/{incident}/note"
        status, answer = await app.post(body, path, headers=headers)
        assert status == 200, answer
        answers[name] = answer["by"]
    assert answers["responder"]["name"] == "responder"
    assert answers["bot"]["name"] == "the CEO"
    assert answers["legacy"]["name"] == "the CEO"
    # A token with a role is a machine's, until its entry says something else.
    assert answers["responder"]["human"] is False
    assert answers["legacy"]["human"] is True


async def test_what_has_expired_is_said_before_it_costs_a_page(app: App) -> None:
    status, health = await app.get("/health", headers=LEGACY)
    assert status == 200
    (found,) = [item for item in health["problems"] if item["subject"] == "credentials"]
    assert "the credential old expired at 2020-01-02" in found["problem"]
    assert not found["unready"]


async def test_what_has_expired_counts_for_nothing(app: App) -> None:
    status, text = await _asked(app, "GET", "/v1/incidents", _bearer(EXPIRED))
    assert status == 401
    assert "the credential old expired at 2020-01-02T00:00:00.000Z" in text
    assert (await _asked(app, "GET", "/v1/incidents", _bearer(GOES_ON)))[0] == 200


async def test_a_hash_is_no_token(app: App) -> None:
    assert (await _asked(app, "GET", "/v1/incidents", _bearer(hash_of(HASHED))))[0] == 401
    assert (await _asked(app, "GET", "/v1/incidents", _bearer(HASHED)))[0] == 403


@pytest.mark.parametrize(
    ("token", "asked", "taken"),
    [
        (HASHED, "", "prod"),
        (HASHED, "staging", "prod"),
        (TOKENS[Role.SENDER], "staging", "staging"),
        (TOKENS[Role.SENDER], "prod", ""),
        ("the-token-without-a-role", " prod ", ""),
    ],
)
async def test_a_cluster_of_another_credential_is_nobodys_to_claim(
    app: App, token: str, asked: str, taken: str
) -> None:
    path = f"/v1/alerts/webhook?cluster={asked}"
    status, answer = await app.post(notification(alert()), path, headers=_bearer(token))
    assert status == 202
    shown = (await app.get(f"/v1/incidents/{answer['incidents'][0]}", headers=LEGACY))[1]
    assert shown["group"]["cluster"] == taken
    hints = (await app.get("/v1/hints", headers=LEGACY))[1]["hints"]
    found = [hint["name"] for hint in hints if hint["kind"] == "foreign_cluster"]
    assert found == (["prod"] if asked.strip() == "prod" and not taken else [])


async def test_a_sender_learns_nothing_of_how_the_service_is(app: App) -> None:
    for role, knows in ((Role.SENDER, False), (Role.VIEWER, True)):
        found = (await app.get("/health", headers=_of(role)))[1]
        assert ("components" in found) is knows
    assert (await _asked(app, "GET", "/metrics", _of(Role.SENDER)))[0] == 403
    assert (await _asked(app, "GET", "/metrics", _of(Role.VIEWER)))[0] == 200


async def test_the_console_offers_what_somebody_may_do(app: App) -> None:
    incident = await _opened(app)
    pages = {
        role: [
            (await _asked(app, "GET", path, _of(role)))[1]
            for path in ("/", f"/incidents/{incident}", f"/incidents/{incident}/review")
        ]
        for role in (Role.VIEWER, Role.RESPONDER, Role.PUBLISHER)
    }
    assert not any('method="post"' in page for page in pages[Role.VIEWER])
    assert all('method="post"' in page for page in pages[Role.RESPONDER])
    assert "status-update" not in pages[Role.RESPONDER][1]
    assert "status-update" in pages[Role.PUBLISHER][1]
    html = {"Accept": "text/html", **_of(Role.VIEWER)}
    status, text = await _asked(app, "POST", f"/incidents/{incident}/acknowledge", html)
    assert status == 403
    assert "has the role viewer" in text
    assert "<html" in text


def test_whoever_asks_needs_a_role_that_somebody_can_have() -> None:
    assert set(ROLES.values()) <= set(Role)
    assert Who.SENDER in ROLES


async def test_an_incident_says_who_sent_what_opened_it(app: App) -> None:
    headers = {**_of(Role.SENDER), "X-Correlation-ID": "from-prometheus-7"}
    _, answer = await app.post(notification(alert()), headers=headers)
    name = answer["incidents"][0]
    _, found = await app.get(f"/v1/incidents/{name}", headers=_of(Role.VIEWER))
    assert found["sent_by"] == "sender (127.0.0.1)"
    assert found["correlation_id"] == "from-prometheus-7"
    # What somebody else tells of it later opened nothing.
    await app.post(notification(alert(resolved=True)), headers=_of(Role.ADMIN))
    _, found = await app.get(f"/v1/incidents/{name}", headers=_of(Role.VIEWER))
    assert found["sent_by"] == "sender (127.0.0.1)"
    async with app.session.get(f"{app.url}/incidents/{name}", headers=_of(Role.VIEWER)) as page:
        assert "sender (127.0.0.1)" in await page.text()
