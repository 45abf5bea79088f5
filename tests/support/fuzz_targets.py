"""What is meant to come in, by the door it comes in through: what the fuzz begins with."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from hypothesis import strategies as st

from receiver.actions.registry import REGISTRY
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.app.routes import PATHS
from receiver.slack.blocks.verbs import name_of
from tests.support.app import App
from tests.support.fakes.pagerduty_webhooks import TYPES, PdWebhooks
from tests.support.fakes.slack_messages import signed_headers
from tests.support.junk import Draw, forms, headers, json_bodies, texts
from tests.support.notification import alert, notification
from tests.support.waiting import until

HEARTBEAT, INTEGRATION, PD_INCIDENT = "backup", "sentinel", "Q1KD0TLXG4S1VO"
CHANNEL = "C0ALERTS"
PARAMETERS = (
    *("state", "sort", "priority", "team", "label", "text", "limit", "cursor", "days"),
    *("end", "format", "timeline_before", "cluster", "place", "said"),
)


class Shot(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


class World(NamedTuple):
    """What a request can be about: the service, and an incident of its.

    ``presses``: on every button that its message had at first; later it has others.
    """

    app: App
    incident: str
    windows: PdWebhooks
    presses: list[dict[str, Any]]

    def signed(self, body: bytes, content: str) -> dict[str, str]:
        """Return Slack's headers for a body."""
        return signed_headers(body, content, "secret", int(self.app.clock.now() / 1000))


Target = Callable[[World, Draw], Shot]


def webhook(_world: World, draw: Draw) -> Shot:
    meant = notification(
        alert(fingerprint="f1"),
        alert("DiskFull", resolved=True, labels={"severity": "warning"}),
        group=f"g{draw(st.integers(1, 5))}",
    )
    path = "/v1/alerts/webhook" + draw(st.sampled_from(("", "/", _query(draw))))
    return Shot("POST", path, draw(json_bodies(meant)))


def slack_actions(world: World, draw: Draw) -> Shot:
    """A press, a filled window, or a shortcut."""
    client = world.app.slack.client(draw(st.sampled_from(("U1", "U2", "U9"))))
    kind = draw(st.sampled_from(("press", "window", "window", "shortcut", "message")))
    if kind == "press":
        fresh = {"trigger_id": world.app.slack.views.trigger(client.user)}
        payload = draw(st.sampled_from(world.presses)) | fresh
    elif kind == "message":
        _, payload = client.message_shortcut("open_from_message", CHANNEL, "1.2", "down")
    else:
        _, payload = client.shortcut("open_incident")
    if kind == "window":
        payload = _window(world, draw)
    body = draw(forms({"payload": payload}))
    return Shot(
        "POST",
        "/v1/slack/actions",
        body,
        world.signed(body, "application/x-www-form-urlencoded"),
    )


def _window(world: World, draw: Draw) -> dict[str, Any]:
    name = draw(st.sampled_from(["open", *map(name_of, sorted(set(REGISTRY) - {"forget"}))]))
    filled: dict[str, dict[str, Any]] = {
        "until": {"selected_date_time": world.app.clock.now() // 1000 + 3600},
        "to": {"selected_user": "U2"},
        "components": {"selected_options": [{"value": "Checkout"}]},
        "status": {"selected_option": {"value": "identified"}},
        "for": {"selected_option": {"value": "1h"}},
        "priority": {"selected_option": {"value": "P2"}},
        "matchers": {"value": 'alertname="HighErrorRate"'},
    }
    places = _FIELDS.get(name, ("text",))
    origin = {"incident": world.incident, "episode": 0, "channel": CHANNEL, "key": "k"}
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": name,
        "private_metadata": json.dumps(origin),
        "state": {
            "values": {place: {"value": filled.get(place, {"value": "x"})} for place in places}
        },
        "blocks": [{"type": "input", "block_id": place} for place in places],
    }
    return {"type": "view_submission", "user": {"id": "U1"}, "view": view}


_FIELDS: dict[str, tuple[str, ...]] = {
    "snooze": ("until",),
    "assign": ("to",),
    "priority": ("priority", "reason"),
    "action_item": ("text", "owner"),
    "resolve_cause": ("cause",),
    "merge": ("into",),
    "silence": ("for", "matchers", "comment"),
    "open": ("title", "priority", "details"),
    "status_update": ("status", "text", "title", "components", "impact"),
}


def slack_commands(world: World, draw: Draw) -> Shot:
    words = ("list", "show", "ack", "resolve", "snooze", "note", "open", "who", "help", "zap")
    rest = draw(st.one_of(st.just(f"{world.incident} 1h"), st.just("P2"), texts))
    _, form = world.app.slack.client().command(f"{draw(st.sampled_from(words))} {rest}")
    body = draw(forms(form))
    return Shot(
        "POST",
        "/v1/slack/commands",
        body,
        world.signed(body, "application/x-www-form-urlencoded"),
    )


def slack_events(world: World, draw: Draw) -> Shot:
    _, payload = world.app.slack.client().open_home()
    challenge = {"type": "url_verification", "challenge": "c"}
    body = draw(json_bodies(draw(st.sampled_from((payload, challenge)))))
    return Shot("POST", "/v1/slack/events", body, world.signed(body, "application/json"))


def pagerduty(world: World, draw: Draw) -> Shot:
    made = world.windows.make(
        draw(st.sampled_from(TYPES)),
        draw(st.sampled_from((PD_INCIDENT, "QOTHER"))),
        client_url=f"http://127.0.0.1/incidents/{world.incident}#{world.incident}:0@pagerduty",
        merged_into=draw(st.sampled_from(("", PD_INCIDENT))),
    )
    found = world.windows.sign(draw(json_bodies(json.loads(made.body))))
    return Shot("POST", "/v1/pagerduty/webhook", found.body, found.headers)


def integrations(_world: World, draw: Draw) -> Shot:
    meant = {
        "title": "Prompt injection",
        "id": "42",
        "status": "firing",
        "severity": "critical",
        "description": "d",
        "value": 0.9,
        "labels": {"team": "ml"},
    }
    name = draw(st.sampled_from((INTEGRATION, INTEGRATION, "nobody")))
    return Shot("POST", f"/v1/integrations/{name}/events", draw(json_bodies(meant)))


def changes(_world: World, draw: Draw) -> Shot:
    meant = {
        "summary": "checkout 1.2",
        "labels": {"service": "checkout"},
        "at": "",
        "source": "ci",
        "url": "https://ci.example/1",
        "id": "1",
    }
    return Shot("POST", "/v1/changes", draw(json_bodies(meant)))


def heartbeats(_world: World, draw: Draw) -> Shot:
    name = draw(st.one_of(st.just(HEARTBEAT), texts.map(_path)))
    return Shot("POST", f"/v1/heartbeats/{name}", draw(json_bodies({})))


_BODY: dict[str, dict[str, Any]] = {
    "resolve": {"cause": "disk"},
    "snooze": {"for": "1h"},
    "assign": {"to": "bob", "id": "U2"},
    "escalate": {"reason": "stuck"},
    "note": {"text": "looking"},
    "action-item": {"text": "write a test", "owner": "ann"},
    "action-item-done": {"number": 1, "done": True},
    "priority": {"priority": "P2", "reason": "less"},
    "merge": {"into": ""},
    "silence": {"for": "1h", "matchers": ['a="b"'], "comment": "c"},
    "unsilence": {"silence": "x"},
    "status-update": {"status": "identified", "text": "t", "title": "t", "components": ["Shop"]},
    "status-hide": {"update": 1},
    "status-show": {"update": 1},
}


def actions(world: World, draw: Draw) -> Shot:
    """What a person does over the API, and opening an incident by hand."""
    # Forgetting would leave nothing to act on.
    names = sorted(set(REGISTRY) - {"forget", *SILENCE_ACTIONS})
    name = draw(st.sampled_from((*names, "open")))
    if name == "open":
        meant = {"title": "Trouble", "description": "d", "priority": "P3", "by": "ann"}
        return Shot("POST", "/v1/incidents", draw(json_bodies(meant)))
    body = draw(json_bodies({"by": "ann", "episode": 0} | _BODY.get(name, {})))
    incident = draw(st.sampled_from((world.incident, world.incident, "0-0123456789abcdef-0")))
    return Shot("POST", f"/v1/incidents/{incident}/{name}", body)


def console(world: World, draw: Draw) -> Shot:
    """What the buttons of the console send."""
    name = draw(st.sampled_from(("acknowledge", "resolve", "action-item", "action-item-done")))
    form = {"name": "Ann", "episode": "0", "number": "1", "text": "t", "owner": "o", "state": "all"}
    found = {"Content-Type": "application/x-www-form-urlencoded"}
    return Shot("POST", f"/incidents/{world.incident}/{name}", draw(forms(form)), found)


def reading(world: World, draw: Draw) -> Shot:
    """Every path that is read, with parameters."""
    path = draw(st.sampled_from([path for method, path in PATHS if method == "GET"]))
    name = draw(st.one_of(st.just("alertmanager"), texts.map(_path)))
    path = path.replace("{id}", draw(st.sampled_from((world.incident, name))))
    path = path.replace("{name}", name).replace("{name:.+}", name)
    method = draw(st.sampled_from(("GET", "GET", "HEAD", "OPTIONS")))
    return Shot(method, path + _query(draw))


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(webhook, slack_actions, slack_commands, slack_events, pagerduty, integrations),
        *(actions, changes, heartbeats, console, reading),
    )
}


def shot(world: World, target: str, draw: Draw) -> Shot:
    """Return a request through this door; now and then with headers nobody sends."""
    found = TARGETS[target](world, draw)
    odd = draw(headers) if draw(st.integers(0, 3)) == 0 else {}
    return found._replace(headers=odd | dict(found.headers))


def _query(draw: Draw) -> str:
    pairs = draw(st.lists(st.tuples(st.sampled_from(PARAMETERS), texts), max_size=3))
    return "?" + "&".join(f"{name}={_path(value)}" for name, value in pairs) if pairs else ""


def _path(text: str) -> str:
    """Return a text as a part of an address that a server takes: its line has 8 KB."""
    return quote_plus(text[:150], errors="surrogatepass") or "%20"


async def world_of(app: App) -> World:
    """Return a service in which there is something to act on."""
    incident = await app.fire()
    await until(lambda: app.slack.top_level(CHANNEL) and app.pagerduty.incidents)
    return World(app, incident, PdWebhooks(), _presses(app))


def _presses(app: App) -> list[dict[str, Any]]:
    client, message = app.slack.client(), app.slack.top_level(CHANNEL)[0]
    return [
        client.press(message, name, option["value"])[1]
        for name, button in sorted(message.buttons().items())
        for option in button.get("options", [{"value": ""}])
    ]
