"""What is drawn: incidents that the rules really decide, in every state, shown by the real code."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from receiver.notify.notifier import View
from receiver.observability.response_figures import PriorityFigures
from receiver.review.build import review_of
from receiver.settings.load import load_settings
from receiver.settings.rules import build_assignment
from receiver.slack.blocks import modals as windows
from receiver.slack.blocks.buttons import menu
from receiver.slack.blocks.digest_message import digest_message
from receiver.slack.blocks.form import form
from receiver.slack.blocks.home import Work, home
from receiver.slack.blocks.incident_message import incident_message, mention_block
from receiver.slack.blocks.review_modal import review_window
from receiver.slack.blocks.status_modal import status_update
from receiver.slack.blocks.thread import noteworthy, page_text, thread_note
from receiver.slack.client.directory import User
from receiver.slack.interactions.listing import incident_list
from receiver.store.lists.legs import ListPage
from routing.alert import Alert
from routing.assignment import Sender
from routing.decide import decide
from routing.event import DeliveryNoted, Event, TimerDue
from routing.handle import handles_of
from routing.incident import Incident
from routing.incident_parts import Actor, Entry, Finding, Publication, PublicUpdate, Silence
from routing.person_event import (
    Acknowledged,
    ActionItemAdded,
    ActionItemDone,
    Escalated,
    Merged,
    Noted,
    PriorityChanged,
    Reassigned,
    Resolved,
    Silenced,
    Snoozed,
)
from routing.silence import default_matchers

NOW = 1_772_532_600_000
"""Tuesday, 3 March 2026, 10:10 UTC."""
MINUTE = 60_000
NAMES = {"@U0ANN": "ann", "@U0BOB": "bob", "!here": "here"}
ANN, BOB = Actor("ann", "slack", "U0ANN"), Actor("bob", "slack", "U0BOB")
SETTINGS = load_settings(None, {}, {"slack.token": "xoxb-example", "slack.channel": "C0ALERTS"})
RULES = build_assignment(SETTINGS, frozenset({"orchestrator/HighErrorRate"}))
COMPONENTS = ("Checkout", "Search", "Partner API")
URL = "https://incidents.example.com/incidents/x"


FOUND = (
    Finding(
        "summary", "Six of a hundred tool calls fail since tool-runner v2.3. Roll it back first."
    ),
    Finding("prometheus", "HighErrorRate is 0.062 now, 0.055 when it fired", f"{URL}/graph"),
    Finding("changes", "12m before: deploy tool-runner v2.3 (ci)", f"{URL}/deploy"),
    Finding("similar", "resolved by Bob after 24m: rolled back", URL, NOW - 13_000 * MINUTE),
    Finding("runbook", "More than five of a hundred requests fail: tools fail for everybody."),
    Finding("on_call", "on call: Ann"),
)


class Screen(msgspec.Struct):
    """One picture. ``kind``: message, modal or home; ``options``: of a menu that is open."""

    name: str
    caption: str
    kind: str
    messages: list[dict[str, Any]] = []
    view: dict[str, Any] = {}
    errors: dict[str, str] = {}
    options: list[dict[str, Any]] = []


class Story:
    """An incident and its timeline, as events happen to it."""

    def __init__(self, *alerts: Alert, name: str = "HighErrorRate") -> None:
        self.at = NOW
        self.timeline: list[Entry] = []
        self.incident: Incident | None = None
        self.sender = Sender("", "incident-manager", name, {"alertname": name})
        self.tell(*(alerts or (alert(),)))

    def tell(self, *alerts: Alert, minutes: int = 0) -> "Story":
        (event,) = RULES.assign(alerts, self.sender, 1)
        return self.happen(event, minutes)

    def happen(self, event: Event, minutes: int = 0) -> "Story":
        self.at += minutes * MINUTE
        decision = decide(self.incident, event, self.at, RULES.rules(""))
        self.incident = decision.incident
        self.timeline += decision.timeline
        return self

    def due(self, task: str, **more: Any) -> "Story":
        """Let a timer of the incident come due."""
        incident = self.now
        self.at = max(self.at, incident.timers[task])
        return self.happen(TimerDue(task, **more))

    @property
    def now(self) -> Incident:
        assert self.incident is not None
        return self.incident

    @property
    def view(self) -> View:
        return View(self.now, self.now.pages["slack"], (), self.at, URL)

    def message(self, who: str = "") -> dict[str, Any]:
        text, blocks = incident_message(self.view)
        return {"text": text, "blocks": mention_block(self.view, who) + blocks, "broadcast": False}

    def note(self, since: int = 0) -> dict[str, Any]:
        entries = noteworthy(tuple(self.timeline[since:]))
        return {"text": thread_note(self.view, entries), "blocks": [], "broadcast": False}

    def page(self) -> dict[str, Any]:
        return {"text": page_text(self.view), "blocks": [], "broadcast": True}


def alert(
    name: str = "HighErrorRate", instance: str = "api-1", *, resolved: bool = False, **more: Any
) -> Alert:
    """One alert of the Orchestrator."""
    labels = {
        "alertname": name,
        "severity": "critical",
        "system": "orchestrator",
        "service": "tool-runner",
        "instance": instance,
    }
    summary = "6.2 % of requests fail on tool-runner (limit 5 %)"
    return Alert(
        fingerprint=f"{name}{instance}",
        labels=labels | more.get("labels", {}),
        annotations={"summary": more.get("summary", summary)},
        starts_at=more.get("starts", NOW - MINUTE),
        resolved=resolved,
        ends_at=NOW + 20 * MINUTE if resolved else 0,
        generator_url="https://prometheus.example.com/graph",
    )


def _message(name: str, caption: str, story: Story, who: str = "") -> Screen:
    return Screen(name, caption, "message", [story.message(who)])


def messages() -> Iterator[Screen]:
    """Yield the message in every state."""
    yield _message(
        "triggered", "Triggered: who is on call is mentioned", Story(), "on call: <@U0ANN>"
    )
    known = Story().due("enrich", context=FOUND)
    yield _message("context", "A moment later: what was found out about it", known)
    group = Story(*[alert(instance=f"api-{n}") for n in range(1, 8)])
    yield _message("triggered-group", "Seven alerts of one group", group)
    late = Story().due("acknowledge", paged={"slack": 1})
    yield _message("overdue", "Nobody answered in time: the next step is paged", late)
    yield _message("acknowledged", "Acknowledged", Story().happen(Acknowledged(ANN), 3))
    slow = Story().happen(Acknowledged(ANN), 3).due("resolve", paged={"slack": 1})
    yield _message("resolve-overdue", "Acknowledged, and not resolved in time", slow)
    given = Story().happen(Acknowledged(ANN), 2).happen(Reassigned(ANN, BOB), 1)
    yield _message("assigned", "Assigned to somebody else", given)
    asleep = Story().happen(Snoozed(ANN, None, NOW + 65 * MINUTE), 5)
    yield _message("snoozed", "Snoozed: all clocks are paused", asleep)
    quiet = Story().happen(
        Silenced(BOB, Silence("s1", NOW + 120 * MINUTE, 'alertname="HighErrorRate"', "bob")), 2
    )
    yield _message("silenced", "Silenced in Alertmanager", quiet)
    lower = Story().happen(PriorityChanged(ANN, "P3", "only the test tenants"), 4)
    yield _message("priority", "A person changed the priority", lower)
    flaps = Story()
    for turn in range(1, 5):
        flaps.tell(alert(resolved=True, starts=NOW - MINUTE + (turn - 1) * MINUTE), minutes=1)
        flaps.tell(alert(starts=NOW - MINUTE + turn * MINUTE), minutes=0)
    yield _message("flapping", "Flapping", flaps)
    stale = Story()
    stale.due("stale")
    yield _message("stale", "Nobody reports it any more", stale)
    yield _message("reopened", "Firing for the second time", _reopened())
    done = Story().happen(Acknowledged(ANN), 3).happen(Resolved(ANN, None, "full disk"), 24)
    yield _message("resolved", "Resolved by a person: the message shrinks", done)
    calm = Story().tell(alert(resolved=True), minutes=21)
    yield _message("resolved-alone", "Resolved by itself", calm)
    merged = Story().happen(Merged(BOB, "0-6c3e09b1f2a4d857-1"), 6)
    yield _message("merged", "Merged into another incident", merged)
    manual = Sender("", "manual", "manual:1", {}, kind="manual", by=BOB)
    labels = {"alertname": "Checkout fails for two customers", "priority": "P2"}
    (event,) = RULES.assign((Alert("m", labels, starts_at=NOW),), manual, 1)
    by_hand = Story()
    by_hand.incident = None
    yield _message("manual", "Opened by hand", by_hand.happen(event))
    hostile = "<!channel> *bold* `code` <https://evil.example|runbook> & \u202egnp.exe 🎉"
    yield _message("hostile", "Hostile text stays text", Story(alert(hostile, summary=hostile * 3)))


def _reopened() -> Story:
    story = Story().tell(alert(resolved=True), minutes=10)
    return story.tell(alert(starts=NOW + 12 * MINUTE), minutes=5)


def threads() -> Iterator[Screen]:
    """Yield a whole life, the digest, and the menu."""
    story = Story()
    shown = [story.message("on call: <@U0BOB>")]
    story.due("acknowledge", paged={"slack": 1})
    shown.append(story.page())
    at = len(story.timeline)
    story.happen(Acknowledged(ANN), 2).happen(Noted(ANN, "Restarting the tool runner"), 3)
    story.happen(Reassigned(ANN, BOB), 1)
    story.happen(DeliveryNoted("pagerduty", "the page was sent once more"), 0)
    shown.append(story.note(at))
    at = len(story.timeline)
    story.happen(Escalated(ANN, None, "needs the database team"), 4)
    shown.append(story.page())
    at = len(story.timeline)
    story.happen(Resolved(ANN, None, "full disk"), 9)
    shown.append(story.note(at))
    yield Screen("thread", "A whole life in the thread", "message", shown)
    views = [
        Story(alert(f"Latency{n}", labels={"severity": "warning"}, summary=""), name=str(n)).view
        for n in range(9)
    ]
    text, blocks = digest_message(views)
    many = [{"text": text, "blocks": blocks, "broadcast": False}]
    yield Screen("digest", "Too many at once for a message each", "message", many)
    opened = Story()
    yield Screen(
        "menu", "The menu", "message", [opened.message()], options=menu(opened.now)["options"]
    )
    found = [_reopened().now, *(view.incident for view in views[:3])]
    page = ListPage(found, "more", 23)
    answer = incident_list(page, handles_of({one.id for one in found}, 23), URL)
    listed = [{"text": answer["text"], "blocks": answer["blocks"], "broadcast": False}]
    yield Screen("command", "/incident list", "message", listed)


def _public(incident: Incident) -> Incident:
    """Return the incident as it is with a status page."""
    said = "We are aware of a problem with Checkout and are investigating it."
    published = Publication(
        "Problem with Checkout",
        incident.opened_at,
        {"Checkout": "major_outage"},
        (PublicUpdate(incident.opened_at, "investigating", said),),
    )
    return msgspec.structs.replace(incident, published=published)


def modals() -> Iterator[Screen]:
    """Yield every window."""
    story = Story().happen(Acknowledged(ANN), 3)
    incident = story.now
    matchers = [str(matcher) for matcher in default_matchers(incident)]
    active = [Silence("s1", NOW + 120 * MINUTE, 'alertname="HighErrorRate"', "bob")]
    others = [Story(alert(name), name=name).now for name in ("ServiceDown", "HighLatency")]
    message = "Checkout fails for me\nHTTP 502 since noon"
    made: tuple[tuple[str, str, dict[str, Any], dict[str, str]], ...] = (
        ("more", "More", windows.more(incident, "C1"), {}),
        ("assign", "Assign", form("assign", incident, "C1"), {}),
        ("note", "Add a note", form("note", incident, "C1"), {}),
        ("priority", "Change priority", windows.priority(incident, "C1"), {}),
        (
            "snooze",
            "Snooze until, with an error in place",
            windows.snooze(incident, "C1", story.at),
            {"until": "this is not in the future"},
        ),
        ("status", "Status page", status_update(_public(incident), "C1", COMPONENTS), {}),
        ("resolve", "Resolve with cause", windows.resolve(incident, "C1"), {}),
        ("silence", "Silence", windows.silence(incident, "C1", matchers, active), {}),
        ("merge", "Merge", windows.merge(incident, "C1", others, len(others)), {}),
        ("review", "Post-incident review", _reviewed(), {}),
        ("action-item", "Add an action item", form("action_item", incident, "C1"), {}),
        (
            "open",
            "Make an incident of this message",
            windows.open_incident("C1", "k", message.splitlines()[0], message),
            {},
        ),
    )
    for name, caption, view, errors in made:
        yield Screen(f"window-{name}", caption, "modal", view=view, errors=errors)


def _reviewed() -> dict[str, Any]:
    story = Story().due("acknowledge", paged={"slack": 1})
    story.happen(Acknowledged(ANN), 1).happen(Noted(ANN, "Disk of runner-2 is full"), 4)
    story.happen(Resolved(ANN, None, "full disk"), 9)
    story.happen(ActionItemAdded(ANN, "Alert on disks above 80 %", "Bob"), 12)
    story.happen(ActionItemAdded(ANN, "Rotate the runner's logs"), 13)
    story.happen(ActionItemDone(ANN, 2), 14)
    review = review_of(story.now, story.timeline, {}, story.at)
    return review_window(review, 0, f"https://im.example/incidents/{review.id}/review")


def homes() -> Iterator[Screen]:
    """Yield the App Home."""
    figures = [
        PriorityFigures("P1", 3, 84.0, 1260.0, 1260.0, None, 3, 3, 5, 1, 2, 0, 0, 0),
        PriorityFigures("P2", 7, 310.0, 4020.0, 3600.0, 5400.0, 7, 6, 12, 2, 3, 1, 0, 0),
        PriorityFigures("P3", 0, None, None, None, None, 0, 0, 0, 0, 0, 0, 0, 0),
    ]
    mine = Story().happen(Acknowledged(ANN), 3)
    free = Story(
        alert("HighLatency", summary="p95 is 6.1 s", labels={"severity": "high"}), name="b"
    )
    work = Work([mine.now, free.now], 2, [free.now], 1, URL)
    view = home(User("U0ANN"), work, figures, mine.at)
    yield Screen("home", "The App Home", "home", view=view)


SOURCES: tuple[Callable[[], Iterator[Screen]], ...] = (messages, threads, modals, homes)


def screens() -> list[Screen]:
    """Return every picture, in the order they are shown."""
    return [screen for source in SOURCES for screen in source()]
