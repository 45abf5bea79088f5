"""What outsiders read of incidents: opened by rule, worded by people, closed, withdrawn."""

import json
from typing import Any

import msgspec
import pytest

from receiver.store.status.state import StatusState
from receiver.web.status_page.config import StatusPageConfig
from receiver.web.status_page.public_ids import PublicIds
from receiver.web.status_page.uptime import Known, uptime_of
from receiver.web.status_page.view import Naming, notices_of, page_of
from routing.actions.status_page import hide, update
from routing.alert import Alert
from routing.event import TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor, Publication, PublicUpdate
from routing.person_event import (
    Merged,
    Noted,
    PriorityChanged,
    Reopened,
    Resolved,
    StatusHidden,
    StatusUpdated,
)
from routing.status_page import UPDATES_KEPT, follow, remind
from routing.status_rule import StatusRule
from routing.time_limit import parse_within
from tests.support.builders import MINUTE, NOW, rules
from tests.support.builders import alert as any_alert
from tests.support.drafts import draft, said
from tests.support.merging import World

ANN = Actor("ann", "api")
PAGE: dict[str, Any] = {
    "title": "Example status",
    "components": [
        {"name": "Checkout", "matchers": ['service="checkout"']},
        {"name": "Search", "matchers": ['service="search"'], "impact": {"P1": "degraded"}},
        {"name": "Partners", "matchers": ['service=~"api|gateway"']},
    ],
}


def config(**more: Any) -> StatusPageConfig:
    return StatusPageConfig.model_validate(PAGE | more)


def alert(service: str = "checkout", fingerprint: str = "", **more: Any) -> Alert:
    labels = {"alertname": "HighErrorRate", "service": service, "instance": "db-7.internal"}
    return any_alert(fingerprint or service, labels=labels, **more)


NAMES = PublicIds(bytes(32))


class Site(World):
    """A world with a status page."""

    def __init__(self, **more: Any) -> None:
        self.config = config(**more)
        super().__init__(rules(status=self.config.rule({}), update_within=parse_within("30m")))

    def _keep(self, decision: Any) -> str:
        self.said = [entry.text for entry in decision.timeline]
        return super()._keep(decision)

    def say(self, incident: str, status: str, text: str = "", **more: Any) -> str:
        return self.do(incident, StatusUpdated(ANN, status, text, **more))

    def page(self) -> dict[str, Any]:
        notices = notices_of(self.incidents.values())
        known = Known(self.now, 0, StatusState(b"", frozenset(), {}))
        uptime = {one.name: uptime_of(one.name, notices, known) for one in self.config.components}
        return dict(page_of(self.config, notices, self.now, Naming(NAMES.name), uptime))

    def going_on(self) -> list[str]:
        return [f"{one['title']}: {one['status']}" for one in self.page()["incidents"]]

    def state(self) -> dict[str, str]:
        return {one["name"]: one["status"] for one in self.page()["components"]}


def published(site: Site, incident: str) -> Any:
    return site.incidents[incident].published


def test_an_incident_that_hits_a_component_opens_in_neutral_words_and_closes_by_itself() -> None:
    site = Site()
    incident = site.tell("a", alert())
    assert site.state() == {
        "Checkout": "major_outage",
        "Search": "operational",
        "Partners": "operational",
    }
    (notice,) = site.page()["incidents"]
    assert notice["title"] == "Problem with Checkout"
    assert [update["status"] for update in notice["updates"]] == ["investigating"]
    site.now += MINUTE
    site.tell("a", alert(resolved=True))
    page = site.page()
    assert (page["summary"], page["incidents"]) == ("All systems operational", [])
    (past,) = page["history"]
    assert [update["status"] for update in past["updates"]] == ["resolved", "investigating"]
    assert (past["impact"], past["resolved_at"]) == ("major_outage", "2026-03-02T10:01:00.000Z")
    assert incident not in json.dumps(page)
    assert "HighErrorRate" not in json.dumps(page)
    assert "db-7" not in json.dumps(page)


@pytest.mark.parametrize(
    ("more", "service", "priority"),
    [
        ({}, "billing", "P1"),
        ({}, "checkout", "P3"),
        ({"priorities": ["P1"]}, "checkout", "P2"),
        ({"automatic": False}, "checkout", "P1"),
        ({"components": []}, "checkout", "P1"),
    ],
)
def test_what_no_rule_names_stays_inside(more: dict[str, Any], service: str, priority: str) -> None:
    site = Site(**more)
    incident = site.tell("a", alert(service, priority=priority))
    assert published(site, incident) is None


def test_the_impact_is_that_of_the_priority_and_never_gets_better_by_itself() -> None:
    site = Site()
    incident = site.tell("a", alert(priority="P2"))
    assert site.state()["Checkout"] == "partial_outage"
    site.tell("a", alert(priority="P2"), alert("search", priority="P2"))
    assert site.state() == {
        "Checkout": "partial_outage",
        "Search": "partial_outage",
        "Partners": "operational",
    }
    assert site.going_on() == ["Problem with Checkout and Search: investigating"]
    site.do(incident, PriorityChanged(ANN, "P1"))
    assert site.state()["Checkout"] == "major_outage"
    for lower in ("P2", "P4"):
        site.do(incident, PriorityChanged(ANN, lower))
    site.tell("a", alert(priority="P2", resolved=True), alert("search", priority="P2"))
    assert site.state()["Checkout"] == "major_outage"


def test_people_choose_words_title_components_and_impact_and_the_rule_leaves_them() -> None:
    site = Site()
    incident = site.tell("a", alert())
    said = site.say(
        incident, "identified", "A bad release.", title="Payments fail", impact="degraded"
    )
    assert said == "status_updated"
    assert site.going_on() == ["Payments fail: identified"]
    assert site.state()["Checkout"] == "degraded"
    site.tell("a", alert(), alert("search"))
    assert site.state()["Search"] == "operational"
    site.say(incident, "identified", components=("Checkout", "Search"))
    assert (site.state()["Checkout"], site.state()["Search"]) == ("degraded", "degraded")
    assert site.going_on() == ["Payments fail: identified"]
    assert "ann" not in json.dumps(site.page())


def test_what_was_declared_operational_did_suffer_in_the_history() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.say(incident, "identified", impact="partial_outage")
    site.say(incident, "monitoring", impact="operational")
    page = site.page()
    assert page["summary"] == "All systems operational, still being watched"
    site.do(incident, Resolved(ANN))
    (past,) = site.page()["history"]
    assert past["components"] == [{"name": "Checkout", "impact": "partial_outage"}]


def test_a_public_update_is_the_status_update_and_the_next_one_is_due_later() -> None:
    site = Site()
    incident = site.tell("a", alert())
    assert site.incidents[incident].timers["update"] == NOW + 30 * MINUTE
    site.now += 10 * MINUTE
    site.say(incident, "investigating", "Still looking.")
    assert site.incidents[incident].timers["update"] == NOW + 40 * MINUTE
    met = {"priority": "P1", "clock": "update", "outcome": "met", "by": "human"}
    assert ("incident_deadlines_total", met) in site.observed
    site.now = NOW + 40 * MINUTE
    assert site.do(incident, TimerDue("update")) == "deadline_missed"
    assert "Outsiders still read: investigating, since 2026-03-02 10:10 UTC" in site.said
    assert site.do(incident, Noted(ANN, "inside")) == "noted"
    assert len(published(site, incident).updates) == 2


def test_resolved_for_outsiders_by_a_person_stays_so_until_they_say_otherwise() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.say(incident, "resolved", "All good again.")
    assert site.page()["incidents"] == []
    site.tell("a", alert(), alert("search"))
    assert site.page()["incidents"] == []
    site.say(incident, "investigating")
    assert site.going_on() == ["Problem with Checkout: investigating"]
    site.say(incident, "resolved", "Now it is.")
    site.do(incident, Resolved(ANN))
    (past,) = site.page()["history"]
    assert past["updates"][0]["text"] == "Now it is."
    assert [one["status"] for one in past["updates"]].count("resolved") == 2


def test_the_end_can_be_worded_afterwards_and_nothing_else() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.now += MINUTE
    site.tell("a", alert(resolved=True))
    assert site.say(incident, "monitoring") == "already_resolved"
    site.now += MINUTE
    assert site.say(incident, "resolved", "It was a bad release.") == "status_updated"
    (past,) = site.page()["history"]
    assert [one["text"] for one in past["updates"]] == [
        "It was a bad release.",
        "We are aware of a problem with Checkout and are investigating it.",
    ]
    assert past["resolved_at"] == "2026-03-02T10:01:00.000Z"


def test_what_comes_back_opens_again() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.say(incident, "monitoring", impact="operational")
    site.tell("a", alert(resolved=True))
    site.now += MINUTE
    site.tell("a", alert(starts_at=site.now))
    assert site.going_on() == ["Problem with Checkout: investigating"]
    assert site.state()["Checkout"] == "major_outage"
    assert site.page()["incidents"][0]["updates"][0]["text"].endswith("We are investigating it.")
    site.do(incident, Resolved(ANN))
    site.do(incident, Reopened(ANN))
    assert site.going_on() == ["Problem with Checkout: investigating"]
    site.tell("a", alert(starts_at=site.now, resolved=True, ends_at=site.now))
    site.do(incident, Resolved(ANN))
    assert site.going_on() == []
    site.do(incident, Reopened(ANN))  # though nothing fires
    assert site.going_on() == ["Problem with Checkout: investigating"]


@pytest.mark.parametrize(
    ("service", "priority"), [("checkout", "P4"), ("checkout", "P3"), ("billing", "P1")]
)
def test_what_no_rule_names_does_not_come_back_either(service: str, priority: str) -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.tell("a", alert(resolved=True))
    site.now += MINUTE
    site.tell("a", alert(service, starts_at=site.now, priority=priority))
    assert (site.incidents[incident].episode, site.going_on()) == (1, [])
    assert site.do(incident, StatusHidden(ANN, update=2)) == "status_hidden"
    assert site.going_on() == []
    site.tell("a", alert(starts_at=site.now, fingerprint="worse"))
    assert site.going_on() == ["Problem with Checkout: investigating"]


def test_what_a_person_chose_comes_back_with_whatever_fires() -> None:
    site = Site()
    incident = site.tell("a", alert("billing", priority="P3"))
    site.say(incident, "investigating", components=("Partners",))
    site.tell("a", alert("billing", priority="P3", resolved=True))
    site.now += MINUTE
    site.tell("a", alert("billing", priority="P3", starts_at=site.now))
    assert site.going_on() == ["Problem with Partners: investigating"]


def test_what_a_person_published_goes_on_with_the_target_where_nothing_opens_by_itself() -> None:
    site = Site(automatic=False)
    source, target = site.tell("a", alert()), site.tell("b", alert("billing"))
    site.say(source, "identified", "We know what it is.", title="Payments fail")
    site.do(source, Merged(ANN, target))
    site.work()
    assert site.going_on() == ["Payments fail: identified"]
    site.tell("a", alert(resolved=True))
    site.tell("b", alert("billing", resolved=True))
    site.work()
    assert site.going_on() == []


def test_what_goes_on_is_not_ended_by_merging_it_into_what_a_person_ended() -> None:
    site = Site()
    source, target = site.tell("a", alert("search")), site.tell("b", alert())
    site.say(target, "resolved", "All good again.")
    site.do(source, Merged(ANN, target))
    site.work()
    assert site.state()["Search"] == "degraded"
    assert site.state()["Checkout"] == "operational"


def test_a_merged_incident_is_told_with_its_target() -> None:
    site = Site()
    source, target = site.tell("a", alert()), site.tell("b", alert("billing"))
    site.now += MINUTE
    site.say(source, "identified", "We know what it is.", title="Payments fail")
    site.do(source, Merged(ANN, target))
    assert site.going_on() == ["Payments fail: identified"]
    site.work()
    assert published(site, target).components == {"Checkout": "major_outage"}
    assert site.going_on() == ["Payments fail: identified"]
    assert site.page()["history"] == []
    site.now += MINUTE
    site.tell("a", alert(resolved=True))
    site.tell("b", alert("billing", resolved=True))
    site.work()
    page = site.page()
    assert page["incidents"] == []
    assert [one["title"] for one in page["history"]] == ["Payments fail"]
    assert [one["status"] for one in page["history"][0]["updates"]] == [
        "resolved",
        "identified",
    ]
    site.now += MINUTE
    site.tell("b", alert("billing", starts_at=site.now))
    assert site.going_on() == []  # what fires is nothing outsiders ever read of
    site.tell("a", alert(starts_at=site.now))
    site.work()
    assert site.going_on() == ["Payments fail: investigating"]


def test_what_is_merged_into_what_a_person_described_is_not_lost() -> None:
    site = Site()
    source, target = site.tell("a", alert("search")), site.tell("b", alert())
    site.say(target, "identified", "A bad release.", impact="degraded")
    site.do(source, Merged(ANN, target))
    for _ in range(2):
        assert (site.state()["Checkout"], site.state()["Search"]) == ("degraded", "degraded")
        site.work()
    site.say(target, "monitoring", components=("Search",), impact="operational")
    site.tell("b", alert(), alert(fingerprint="x"))
    assert site.state() == dict.fromkeys(site.state(), "operational")


def test_a_storm_that_nobody_words_is_one_notice() -> None:
    site = Site()
    for number in range(30):
        site.now += 1000
        site.tell(f"g{number}", alert(fingerprint=f"f{number}"))
    site.tell("s", alert("search"))
    assert site.going_on() == [
        "Problem with Checkout: investigating",
        "Problem with Search: investigating",
    ]
    worded = site.tell("g7", alert(fingerprint="f7"))
    site.say(worded, "identified", "A bad release.")
    assert site.going_on()[0] == "Problem with Checkout: identified"
    assert len(site.going_on()) == 2
    site.tell("g7", alert(fingerprint="f7", resolved=True))
    assert "Problem with Checkout: investigating" in site.going_on()
    for number in range(30):
        site.now += 1000
        site.tell(f"g{number}", alert(fingerprint=f"f{number}", resolved=True))
    found = [one for one in site.page()["history"] if one["title"] == "Problem with Checkout"]
    assert len(found) == 2
    unworded = found[0]
    assert unworded["resolved_at"] == unworded["updates"][0]["at"]


def test_taken_back_is_gone_everywhere_outside_and_kept_inside() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.say(incident, "identified", "db-7.internal is broken")
    assert site.do(incident, StatusHidden(ANN, update=2)) == "status_hidden"
    assert site.going_on() == ["Problem with Checkout: investigating"]
    assert "db-7" not in json.dumps(site.page())
    assert site.do(incident, StatusHidden(ANN, update=9)) == "no_such_update"
    assert site.do(incident, StatusHidden(ANN)) == "status_hidden"
    assert site.do(incident, StatusHidden(ANN)) == "unchanged"
    assert site.state()["Checkout"] == "operational"
    assert (site.page()["incidents"], site.page()["history"]) == ([], [])
    assert site.say(incident, "identified") == "hidden"
    assert published(site, incident).updates[1].text == "db-7.internal is broken"
    assert site.do(incident, StatusHidden(ANN, hidden=False)) == "status_shown"
    assert site.going_on() == ["Problem with Checkout: investigating"]


def test_an_end_that_was_said_too_early_can_be_taken_back() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.say(incident, "resolved", "Over.")
    site.do(incident, StatusHidden(ANN, update=2))
    assert site.going_on() == ["Problem with Checkout: investigating"]
    site.do(incident, Resolved(ANN))
    assert site.page()["history"][0]["resolved_at"] is not None


def test_people_can_publish_what_no_rule_would() -> None:
    site = Site()
    incident = site.tell("a", alert("billing", priority="P3"))
    assert site.say(incident, "investigating") == "no_component"
    assert site.say(incident, "investigating", components=("Partners",)) == "status_updated"
    assert site.state()["Partners"] == "degraded"
    assert site.say(incident, "identified", episode=7) == "stale"
    without = World()
    other = without.tell("a", alert())
    assert without.do(other, StatusUpdated(ANN, "identified")) == "no_status_page"
    assert without.do(other, StatusHidden(ANN)) == "not_published"


def test_labels_are_told_only_where_a_template_names_them() -> None:
    wording = {"title": "{components} in {region}", "resolved": "Over at {nothing} last."}
    site = Site(templates=wording)
    labels = {"alertname": "x", "service": "checkout", "region": "Europe"}
    incident = site.tell("a", any_alert(labels=labels))
    site.do(incident, Resolved(ANN))
    (past,) = site.page()["history"]
    assert past["title"] == "Checkout in Europe"
    assert past["updates"][0]["text"] == "Over at last."


def test_ids_tell_incidents_of_the_same_moment_apart_and_say_nothing() -> None:
    site = Site()
    found = [site.tell("a", alert()), site.tell("b", alert("search")), site.tell("c", alert("api"))]
    ids = [one["id"] for one in site.page()["incidents"]]
    assert sorted(NAMES.incident(name) or "" for name in ids) == sorted(found)
    other = PublicIds(bytes(31) + b"x")
    assert [other.incident(name) for name in ids] == [None, None, None]
    assert not any(incident[2:18] in json.dumps(site.page()) for incident in found)


def test_the_page_is_closed_with_the_incident_though_the_rule_is_gone() -> None:
    site = Site()
    incident = site.tell("a", alert())
    site.rules = rules()
    site.tell("a", alert(resolved=True))
    kept: Incident = site.incidents[incident]
    assert kept.published is not None
    assert kept.published.status == "resolved"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"components": [{"name": "A", "matchers": []}]}, "need a label"),
        ({"components": [{"name": "A", "matchers": ['env!="test"']}]}, "need a label"),
        ({"components": [PAGE["components"][0]] * 2}, "two components are named 'Checkout'"),
        ({"templates": {"title": "a {b"}}, "placeholders"),
        ({"impact": {"P1": "total"}}, "major_outage"),
        ({"listen_address": "nowhere"}, "host:port"),
    ],
)
def test_a_wrong_page_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config(**wrong)


def test_a_label_that_a_template_tells_stays_short_and_on_its_line() -> None:
    rule = StatusRule((), frozenset(), {"title": "Problem in {region} with {components}"})
    labels = {"region": "eu\u202e\x00\n<b>\u200b" + "x" * 5_000}
    text = rule.word("title", ["Shop", "Search"], labels)
    assert text.isprintable()
    assert text.startswith("Problem in eu <b> xxx")
    assert text.endswith("x… with Shop and Search")
    assert len(text) < 200


# One call at a time, of a publication as it may be.

BOB = Actor("bob", "api")
RULE = config().rule({})
OPEN = Publication("t", NOW, {"Checkout": "degraded"}, (PublicUpdate(NOW, "investigating", "i"),))
FOUND = rules(status=RULE, update_within=parse_within("30m"))


def known(published: Publication | None = OPEN, *alerts: Alert, **more: Any) -> Any:
    return draft(*(alerts or (alert(),)), published=published, now=NOW + MINUTE, **more)


def changed(**more: Any) -> Publication:
    return msgspec.structs.replace(OPEN, **more)


@pytest.mark.parametrize(
    ("made", "event", "reason"),
    [
        (known(), {"episode": 1}, "stale"),
        (known(merged_into="x"), {}, "merged"),
        (known(state="resolved"), {}, "already_resolved"),
        (known(None, state="resolved"), {"status": "resolved"}, "already_resolved"),
        (known(changed(hidden=True)), {}, "hidden"),
        (known(None, alert("billing")), {}, "no_component"),
        (known(None), {"components": ("Nowhere",)}, "no_component"),
        (known(), {"components": ("Checkout", "Nowhere")}, "no_component"),
    ],
)
def test_what_is_refused_changes_nothing(made: Any, event: dict[str, Any], reason: str) -> None:
    asked = StatusUpdated(ANN, **{"status": "identified", **event})
    assert update(made, asked, FOUND) == reason
    assert (made.fields, made.timeline) == ({}, [])


def test_without_a_status_page_nothing_can_be_said() -> None:
    made = known(None)
    assert update(made, StatusUpdated(ANN, "identified"), rules()) == "no_status_page"
    assert made.fields == {}


@pytest.mark.parametrize("number", [UPDATES_KEPT - 1, UPDATES_KEPT, UPDATES_KEPT + 7])
def test_the_newest_updates_are_kept(number: int) -> None:
    before = tuple(PublicUpdate(NOW + n, "identified", str(n), "bob") for n in range(number))
    made = known(changed(updates=before))
    assert update(made, StatusUpdated(ANN, "monitoring", "last"), FOUND) == "status_updated"
    kept = made.incident.published.updates
    assert len(kept) == min(number + 1, UPDATES_KEPT)
    assert kept[-1] == PublicUpdate(NOW + MINUTE, "monitoring", "last", "ann")
    assert said(made)[0] == ("status_update", "Status page, monitoring: last")


@pytest.mark.parametrize(
    ("last", "texts"),
    [
        (PublicUpdate(NOW, "resolved", "by rule"), ["i", "mended"]),
        # What a person said stays, and so does what is no end.
        (PublicUpdate(NOW, "resolved", "by bob", "bob"), ["i", "by bob", "mended"]),
        (PublicUpdate(NOW, "monitoring", "by rule"), ["i", "by rule", "mended"]),
    ],
)
def test_the_end_in_a_persons_words_replaces_the_templates(
    last: PublicUpdate, texts: list[str]
) -> None:
    ended = changed(updates=(*OPEN.updates, last), resolved_at=NOW + 5)
    made = known(ended, state="resolved")
    update(made, StatusUpdated(ANN, "resolved", "mended"), FOUND)
    published = made.incident.published
    assert [one.text for one in published.updates] == texts
    assert published.resolved_at == NOW + 5
    # What is over asks for no further update.
    assert made.incident.timers == {}


@pytest.mark.parametrize(
    ("event", "components", "suffered", "pinned"),
    [
        ({}, {"Checkout": "degraded"}, {}, False),
        ({"impact": "operational"}, {"Checkout": "operational"}, {"Checkout": "degraded"}, True),
        ({"impact": "major_outage"}, {"Checkout": "major_outage"}, {}, True),
        # One that was not published has the impact of the priority.
        ({"components": ("Search",)}, {"Search": "degraded"}, {}, True),
        (
            {"components": ("Search", "Checkout"), "impact": "operational"},
            {"Search": "operational", "Checkout": "operational"},
            {"Checkout": "degraded"},
            True,
        ),
    ],
)
def test_components_and_impact_as_a_person_says(
    event: dict[str, Any], components: dict[str, str], suffered: dict[str, str], *, pinned: bool
) -> None:
    made = known()
    assert update(made, StatusUpdated(ANN, "identified", "x", **event), FOUND) == "status_updated"
    published = made.incident.published
    assert (published.components, published.suffered) == (components, suffered)
    assert published.pinned is pinned


@pytest.mark.parametrize(
    ("before", "event", "title", "titled"),
    [
        (OPEN, {}, "t", False),
        (OPEN, {"title": "Payments"}, "Payments", True),
        (OPEN, {"components": ("Search",)}, "Problem with Search", False),
        (changed(titled=True), {"components": ("Search",)}, "t", True),
        (None, {}, "Problem with Checkout", False),
    ],
)
def test_the_title_follows_the_components_until_a_person_chose_it(
    before: Publication | None, event: dict[str, Any], title: str, *, titled: bool
) -> None:
    made = known(before)
    update(made, StatusUpdated(ANN, "identified", "x", **event), FOUND)
    assert (made.incident.published.title, made.incident.published.titled) == (title, titled)


TOLD = changed(
    updates=(
        PublicUpdate(NOW, "investigating", "1"),
        PublicUpdate(NOW + 1, "monitoring", "2", "bob"),
        PublicUpdate(NOW + 2, "resolved", "3", "bob"),
    ),
    resolved_at=NOW + 2,
)


@pytest.mark.parametrize(
    ("published", "event", "reason"),
    [
        (OPEN, {"episode": 3}, "stale"),
        (None, {}, "not_published"),
        (OPEN, {"update": 2}, "no_such_update"),
        (OPEN, {"hidden": False}, "unchanged"),
        (OPEN, {"hidden": False, "update": 1}, "unchanged"),
        (changed(hidden=True), {}, "unchanged"),
        (OPEN, {}, "status_hidden"),
        (OPEN, {"update": 1}, "status_hidden"),
        (changed(hidden=True), {"hidden": False}, "status_shown"),
    ],
)
def test_what_is_taken_back_and_shown_again(
    published: Publication | None, event: dict[str, Any], reason: str
) -> None:
    made = known(published)
    assert hide(made, StatusHidden(BOB, **event), FOUND) == reason
    assert bool(made.fields) is reason.startswith("status_")


@pytest.mark.parametrize(
    ("update_number", "state", "episode", "ends"),
    [
        (3, "triggered", 0, 0),
        # Without the one before it the end stands.
        (2, "triggered", 0, NOW + 2),
        # The incident itself is over, or goes on in another episode.
        (3, "resolved", 0, NOW + 2),
        (3, "triggered", 1, NOW + 2),
    ],
)
def test_an_end_that_is_taken_back_is_none_while_the_incident_goes_on(
    update_number: int, state: str, episode: int, ends: int
) -> None:
    made = known(TOLD, state=state, episode=episode)
    assert hide(made, StatusHidden(BOB, update=update_number), FOUND) == "status_hidden"
    assert made.incident.published.resolved_at == ends
    assert said(made) == [
        ("status_hidden", f"Status page: update {update_number} taken back by bob")
    ]
    assert hide(made, StatusHidden(BOB), FOUND) == "status_hidden"


def test_all_of_it_is_taken_back_without_its_updates() -> None:
    made = known(TOLD)
    hide(made, StatusHidden(BOB), FOUND)
    assert made.incident.published == msgspec.structs.replace(TOLD, hidden=True)
    assert said(made) == [("status_hidden", "Status page: the incident taken back by bob")]


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (OPEN, ["Outsiders still read: investigating, since 2026-03-02 10:00 UTC"]),
        (TOLD, []),
        (changed(hidden=True), []),
        (None, []),
        # Nothing is shown of it: since it began.
        (
            changed(updates=(PublicUpdate(NOW + MINUTE, "identified", "x", hidden=True),)),
            ["Outsiders still read: investigating, since 2026-03-02 10:00 UTC"],
        ),
    ],
)
def test_who_forgot_outsiders_is_told_what_they_read(
    published: Publication | None, words: list[str]
) -> None:
    made = known(published)
    remind(made)
    assert [text for _, text in said(made)] == words


@pytest.mark.parametrize(
    ("fields", "publishes"),
    [({"priority": "P1"}, True), ({"title": "x", "notes": 1}, False), ({}, False)],
)
def test_only_what_outsiders_could_notice_is_looked_at(
    fields: dict[str, Any], *, publishes: bool
) -> None:
    made = known(None)
    made.set(**fields)
    follow(made, FOUND)
    assert (made.incident.published is not None) is publishes


def test_what_is_over_is_closed_though_there_is_no_rule_any_more() -> None:
    for rule, updates in ((rules(), 1), (FOUND, 2)):
        made = known()
        made.set(state="resolved")
        follow(made, rule)
        published = made.incident.published
        assert (published.resolved_at, len(published.updates)) == (NOW + MINUTE, updates)
        follow(made, rule)
        assert made.incident.published == published


@pytest.mark.parametrize(("told", "ends"), [(-1, 0), (0, NOW + MINUTE), (3, NOW + MINUTE)])
def test_what_was_merged_is_silent_once_the_target_shows_it(told: int, ends: int) -> None:
    made = known(merged_into="x")
    made.set(merged_firing=told)
    follow(made, FOUND)
    assert made.incident.published.resolved_at == ends
    assert said(made) == []
