"""Who may do what: every route, role and way to show a credential, allowed or refused as it says.

The cells are made of the table of routes, the registry of actions and the commands of the command
line; none is written down here. Over HTTP a cell is asked, in Slack a command is typed, and the
command line is run.
"""

import asyncio
import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from click.testing import CliRunner

from receiver.actions.registry import PERMISSIONS, REGISTRY
from receiver.app.routes import ROUTES
from receiver.cli.root import main
from receiver.http.logins import LOG_OUT
from receiver.http.routes import API, ROLES, Route
from receiver.roles import Role, may
from receiver.slack.blocks.verbs import name_of
from receiver.slack.permission_config import DEFAULT
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.logins import Browser, entry
from tests.support.notification import alert, notification
from tests.support.slack_transport import settings_for
from tests.support.slack_work import Work

Report = Callable[..., None]

TOKENS = {role: f"the-long-token-of-the-{role}" for role in Role}
PEOPLE = tuple(role for role in Role if role is not Role.SENDER)
ADMIN = {"Authorization": f"Bearer {TOKENS[Role.ADMIN]}"}
REFUSED = (401, 403)
ALLOWED_USER, OTHER_USER = "U1", "U2"
LEFT = ("/-/reload",)
"""Asked by the tests: here it would take the place of what is configured."""


class Cell(NamedTuple):
    """One question: what is asked for, what it needs, and how it is shown."""

    row: Route
    path: str
    needed: Role


def cells(incident: str) -> Iterator[Cell]:
    """Yield every path that asks for a role, an action each for those that name one."""
    for row in ROUTES:
        if row.port != API or row.who not in ROLES or row.path in LEFT:
            continue
        path = re.sub(r":[^}]+}", "}", row.path).replace("{id}", incident).replace("{name}", "x")
        if "{action}" not in path:
            yield Cell(row, path, ROLES[row.who])
            continue
        for name, action in REGISTRY.items():
            yield Cell(row, path.replace("{action}", name), action.role)


async def run(report: Report) -> None:
    """Report how many cells of each way were as they say."""
    with TemporaryDirectory() as folder:
        slack, pagerduty = FakeSlack(), FakePagerDuty()
        await slack.start()
        await pagerduty.start()
        try:
            app = App(Path(folder) / "http", slack, pagerduty)
            await _over_http(report, app)
        finally:
            await slack.stop()
            await pagerduty.stop()
        await _in_slack(report, Path(folder) / "slack")


async def _over_http(report: Report, app: App) -> None:
    people = [entry(f"the-{role}", role.value) for role in PEOPLE]
    tokens = [
        {"name": role.value, "role": role.value, "token": token} for role, token in TOKENS.items()
    ]
    page = [{"name": "Shop", "matchers": ['severity=~".+"']}]
    limits = {"notes_per_person": 0, "incidents_per_person": 0, "requests_per_credential": 0}
    await app.start(
        **NO_ACCOUNTS,
        **{
            "web.credentials": [*tokens, *people],
            "web.limits": limits,
            "status_page.components": page,
        },
    )
    try:
        headers = {"Authorization": f"Bearer {TOKENS[Role.SENDER]}"}
        _, answer = await app.post(notification(alert()), headers=headers)
        incident = answer["incidents"][0]
        for way, shown in _WAYS.items():
            await _matrix(report, way, shown, app, incident)
        await _logged_in(report, app, incident)
        await _nobody(report, app, incident)
        await _command_line(report, app, incident)
    finally:
        await app.stop()


def _bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def _basic(role: Role) -> dict[str, str]:
    pair = base64.b64encode(f"{role}:{TOKENS[role]}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


_WAYS = {"HTTP, a bearer token": _bearer, "HTTP, basic authentication": _basic}


async def _known(app: App, incident: str) -> list[Cell]:
    """Return the cells there are: some paths take some actions alone, whoever asks."""
    found = []
    for cell in cells(incident):
        named = "{action}" in cell.row.path
        status = await _status(app, cell.row.method, cell.path, ADMIN) if named else 0
        if status != 404:
            found.append(cell)
    return found


async def _status(app: App, method: str, path: str, headers: dict[str, str]) -> int:
    async with app.session.request(
        method, app.url + path, headers=headers, allow_redirects=False
    ) as answer:
        # A stream of events has no end.
        if answer.content_type != "text/event-stream":
            await answer.read()
        return answer.status


async def _matrix(
    report: Report, way: str, shown: Callable[[Role], dict[str, str]], app: App, incident: str
) -> None:
    wrong: list[str] = []
    counted: Counter[bool] = Counter()
    for cell in await _known(app, incident):
        for role in Role:
            status = await _status(app, cell.row.method, cell.path, shown(role))
            allowed = may(role, cell.needed)
            counted[allowed] += 1
            if (status not in REFUSED and status < 500) is not allowed:
                wrong.append(f"{role}: {cell.row.method} {cell.path}: {status}")
    _say(report, way, counted, wrong)


async def _logged_in(report: Report, app: App, incident: str) -> None:
    wrong: list[str] = []
    counted: Counter[bool] = Counter()
    known = await _known(app, incident)
    for role in PEOPLE:
        for cell in known:
            browser = Browser(app)
            # What ends a session, or gets somebody another one, is tried with one of its own.
            await browser.log_in(f"the-{role}")
            token = await browser.token()
            headers = {"X-CSRF-Token": token}
            answer = await browser.ask(cell.row.method, cell.path, headers=headers)
            allowed = may(role, cell.needed)
            counted[allowed] += 1
            if (answer.status not in REFUSED and answer.status < 500) is not allowed:
                wrong.append(f"{role}: {cell.row.method} {cell.path}: {answer.status}")
    _say(report, "HTTP, a session", counted, wrong)


async def _nobody(report: Report, app: App, incident: str) -> None:
    """Without a credential every path that asks for a role is refused, or leads to the login."""
    wrong: list[str] = []
    counted: Counter[bool] = Counter()
    for cell in await _known(app, incident):
        status = await _status(app, cell.row.method, cell.path, {})
        counted[False] += 1
        leads = status == 303 and (cell.row.page or cell.path == LOG_OUT)
        if status != 401 and not leads:
            wrong.append(f"nobody: {cell.row.method} {cell.path}: {status}")
    _say(report, "HTTP, nothing at all", counted, wrong)


def _say(report: Report, way: str, counted: Counter[bool], wrong: list[str]) -> None:
    figure = f"{counted[True]} allowed, {counted[False]} refused"
    for line in wrong[:10]:
        print(f"  {line}", flush=True)
    report(way, f"{figure}, {len(wrong)} wrong", "0 wrong", not wrong)


# -- the command line ----------------------------------------------------------------------------


def _commands(incident: str) -> Iterator[tuple[list[str], Role]]:
    """Yield what is typed, and the role it needs."""
    for name, action in REGISTRY.items():
        words = ["incidents", action.command or name, incident]
        words += [_typed(field) for field in action.fields if field.positional]
        for field in action.fields:
            if field.needed and not field.positional:
                words += [field.option.split("/")[0] or f"--{field.name}", _typed(field)]
        if action.confirm is not None and not action.at_once:
            words.append("--yes")
        yield words, action.role
    for words in (["incidents", "list"], ["incidents", "show", incident], ["changes", "list"],
                  ["dead-letters", "list"], ["oncall"], ["review", incident], ["heartbeats"],
                  ["silences", "list"], ["explain", "incident", incident],
                  ["explain", "alert", "alertname=A"]):  # fmt: skip
        yield words, Role.VIEWER
    yield ["config", "show"], Role.ADMIN
    yield ["dead-letters", "resend", "0123456789ab"], Role.RESPONDER
    yield ["alert", "send", "Typed", "severity=info"], Role.SENDER


def _typed(field: Any) -> str:
    if field.choices:
        return str(field.choices[0][0])
    kind = str(field.input)
    usual = {"duration": "30m", "number": "1", "incident": "0-aaaaaaaaaaaaaaaa-1"}
    return usual.get(kind, "words")


async def _command_line(report: Report, app: App, incident: str) -> None:
    wrong: list[str] = []
    counted: Counter[bool] = Counter()
    for words, needed in _commands(incident):
        for role in Role:
            typed = [*words, "--url", app.url, "--token", TOKENS[role]]
            result = await asyncio.to_thread(CliRunner().invoke, main, typed)
            allowed = may(role, needed)
            counted[allowed] += 1
            refused = "Error: 403" in result.output
            usage = result.exit_code == 2
            if usage or refused is allowed:
                wrong.append(f"{role}: {' '.join(words)}: {result.output.strip()[:100]}")
    _say(report, "command line", counted, wrong)


# -- Slack ---------------------------------------------------------------------------------------


async def _in_slack(report: Report, folder: Path) -> None:
    """Each action that Slack knows, of who may and of who may not, over HTTP and by Socket Mode."""
    for transport in ("http", "socket"):
        slack, pagerduty = FakeSlack(channels={"C0ALERTS": "alerts"}), FakePagerDuty()
        await slack.start()
        await pagerduty.start()
        app = App(folder / transport, slack, pagerduty)
        known = {name: {"users": [ALLOWED_USER]} for name in (*PERMISSIONS, DEFAULT)}
        await app.start(permissions=known, **settings_for(transport))
        try:
            await _slack_matrix(report, Work(app, transport), transport)
        finally:
            await app.stop()
            await slack.stop()
            await pagerduty.stop()


async def _slack_matrix(report: Report, work: Work, transport: str) -> None:
    wrong: list[str] = []
    counted: Counter[bool] = Counter()
    for name in REGISTRY:
        for user in (ALLOWED_USER, OTHER_USER):
            allowed = user == ALLOWED_USER
            refused = await _slack_refuses(work, name, user)
            counted[allowed] += 1
            if refused is allowed:
                wrong.append(f"{user}: {name}")
    _say(report, f"Slack, {transport}", counted, wrong)


async def _slack_refuses(work: Work, action: str, user: str) -> bool:
    """Return whether an action's button is refused to a user, who is told and it is kept."""
    await work.fire(group=f"{action}-{user}")
    kind, payload = work.app.slack.client(user).press(work.message, "resolve")
    # Every button carries its incident; which are offered where is no question here.
    payload["actions"][0]["action_id"] = name_of(action)
    await work.way.send((kind, payload))
    timeline = (await work.now())["timeline"]
    return any(entry["kind"] == "denied" for entry in timeline)
