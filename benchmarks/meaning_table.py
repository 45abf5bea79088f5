"""Twenty configurations as people write them, for the proof ``meaning``.

Each is what stands in the file, and for every route the labels of an alert that takes it.
"""

from typing import NamedTuple

WEEKS = {
    "ordinary": "2026-03-02T00:00:00Z",
    "spring": "2026-03-23T00:00:00Z",
    "autumn": "2026-10-19T00:00:00Z",
    "easter": "2026-03-30T00:00:00Z",
    "christmas": "2026-12-21T00:00:00Z",
}
"""Mondays: of a week like others, of two in which the clocks change, and of two with holidays."""

SLACK = "slack: {token: xoxb-test, channel: C0ALERTS}\n"
PAGERDUTY = "pagerduty: {routing_key: RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR}\n"
BOTH = SLACK + PAGERDUTY
DBA = "notifiers: {dba: {type: slack, channel: C0DBA}}\n"
BERLIN = (
    "{time_zone: Europe/Berlin, hours: '08:00-18:00', holidays: {country: DE, subdivision: BE}}"
)
NEW_YORK = (
    "{time_zone: America/New_York, days: [mon, tue, wed, thu, fri, sat],"
    " hours: ['06:00-12:00', '13:00-22:00'], holidays: {country: US}, closed: [2026-12-23]}"
)


class Configured(NamedTuple):
    """A configuration; ``routes`` maps the id of each route to labels of an alert that takes it."""

    name: str
    week: str
    text: str
    routes: dict[str, dict[str, str]] = {"": {}}  # noqa: RUF012 - never changed


CONFIGURATIONS = (
    Configured("nothing configured", "ordinary", ""),
    Configured("slack and pagerduty", "ordinary", BOTH),
    Configured("only slack", "spring", SLACK),
    Configured("only pagerduty", "autumn", PAGERDUTY),
    Configured(
        "a team's own notifier",
        "ordinary",
        BOTH
        + DBA
        + "escalations: {dba: {steps: [{notify: [dba]}, {notify: [pagerduty], after: 7m}]}}\n"
        "route: {routes: [{name: db, matchers: ['team=\"dba\"'], escalation: dba}]}\n",
        {"": {}, "db": {"team": "dba"}},
    ),
    Configured(
        "a notifier that no policy names",
        "ordinary",
        BOTH + DBA,
    ),
    Configured(
        "nested routes with continue",
        "ordinary",
        BOTH + DBA + "escalations: {dba: {steps: [{notify: [dba]}]}}\n"
        "route:\n"
        "  routes:\n"
        "    - {name: audit, matchers: ['audit=\"yes\"'], continue: true,"
        " priorities: {P1: {acknowledge_within: 2m}}}\n"
        "    - name: shop\n"
        "      matchers: ['system=\"shop\"']\n"
        "      priorities: {P2: {acknowledge_within: 4m, resolve_within: 1h}}\n"
        "      routes:\n"
        "        - {name: shop-db, matchers: ['team=\"dba\"'], escalation: dba}\n"
        "        - {name: shop-slow, matchers: ['slow=\"yes\"'], priority: P4}\n",
        {
            "": {},
            "audit": {"audit": "yes", "system": "shop"},
            "shop": {"system": "shop"},
            "shop-db": {"system": "shop", "team": "dba"},
            "shop-slow": {"system": "shop", "slow": "yes"},
        },
    ),
    Configured(
        "quiet hours with an elapsed clock",
        "spring",
        BOTH + f"calendars: {{default: {BERLIN}}}\n"
        "priorities: {P3: {quiet_hours: true}, P4: {acknowledge_within: 2h}}\n",
    ),
    Configured(
        "quiet hours and steps that go on after them",
        "easter",
        SLACK + DBA + f"calendars: {{default: {BERLIN}}}\n" + "escalations:\n"
        "  normal:\n"
        "    steps:\n"
        "      - {notify: [slack]}\n"
        "      - {notify: [dba], after: 20m}\n"
        "      - {notify: [slack], mention: '!here'}\n"
        "      - {notify: [dba, slack], after: 9h}\n"
        "    repeat: 1\n"
        "priorities: {P3: {quiet_hours: true, acknowledge_within: 45m}}\n",
    ),
    Configured(
        "business time of two places",
        "autumn",
        BOTH + f"calendars: {{default: {BERLIN}, plant: {NEW_YORK}}}\n"
        "priorities: {P2: {acknowledge_within: 30 business minutes, resolve_within: 1 business"
        " day}, P3: {quiet_hours: true, acknowledge_within: 90 business minutes}}\n"
        "route: {routes: [{name: plant, matchers: ['site=\"plant\"'], calendar: plant}]}\n",
        {"": {}, "plant": {"site": "plant"}},
    ),
    Configured(
        "holidays and dates of one's own",
        "christmas",
        SLACK + f"calendars: {{default: {NEW_YORK}}}\n"
        "priorities: {P3: {quiet_hours: true, acknowledge_within: 2 business hours},"
        " P4: {acknowledge_within: 3 business days, resolve_within: 2w}}\n",
    ),
    Configured(
        "a policy that repeats",
        "ordinary",
        BOTH + "escalations:\n"
        "  urgent:\n"
        "    steps:\n"
        "      - {notify: [pagerduty, slack]}\n"
        "      - {notify: [slack], after: 10m, mention: '!channel'}\n"
        "      - {notify: [pagerduty], after: 20m}\n"
        "    repeat: 2\n"
        "    remind_after: 30m\n",
    ),
    Configured(
        "a repeated policy without times",
        "ordinary",
        SLACK + "escalations: {urgent: {steps: [{notify: [slack]}], repeat: 3}}\n",
    ),
    Configured(
        "a step at the very moment of the deadline",
        "ordinary",
        BOTH + "escalations:\n"
        "  urgent:\n"
        "    steps:\n"
        "      - {notify: [slack]}\n"
        "      - {notify: [pagerduty], after: 5m}\n"
        "      - {notify: [slack], mention: '!here'}\n"
        "      - {notify: [pagerduty], after: 12m}\n",
    ),
    Configured(
        "steps long after the deadline",
        "ordinary",
        BOTH + "escalations:\n"
        "  normal:\n"
        "    steps:\n"
        "      - {notify: [slack]}\n"
        "      - {notify: [slack], mention: '!here'}\n"
        "      - {notify: [pagerduty], after: 4h}\n"
        "priorities: {P4: {quiet_hours: false, acknowledge_within: 3h}}\n",
    ),
    Configured(
        "a policy for each priority",
        "ordinary",
        BOTH + "escalations:\n"
        "  first: {steps: [{notify: [pagerduty]}, {notify: [pagerduty], after: 3m}], repeat: 5}\n"
        "  second: {steps: [{notify: [pagerduty]}, {notify: [slack]}]}\n"
        "  third: {steps: [{notify: [slack]}]}\n"
        "  fourth: {steps: [{notify: [slack]}], remind_after: 1d}\n"
        "priorities:\n"
        "  P1: {escalation: first}\n"
        "  P2: {escalation: second, update_within: 20m}\n"
        "  P3: {escalation: third, resolve_within: off}\n"
        "  P4: {escalation: fourth, update_within: 1 business day}\n",
    ),
    Configured(
        "a webhook that is told of everything",
        "ordinary",
        SLACK + 'integrations: {tickets: {url: "http://127.0.0.1:9/", priorities: [P1, P3]}}\n',
    ),
    Configured(
        "a route that changes single priorities",
        "spring",
        BOTH + f"calendars: {{default: {BERLIN}, plant: {NEW_YORK}}}\n"
        "escalations: {night: {steps: [{notify: [pagerduty]}, {notify: [pagerduty]}]}}\n"
        "route:\n"
        "  escalation: normal\n"
        "  priorities: {P1: {escalation: urgent}}\n"
        "  routes:\n"
        "    - {name: night, matchers: ['team=\"night\"'], escalation: night, calendar: plant}\n"
        "    - name: own\n"
        "      matchers: ['team=\"own\"']\n"
        "      priorities: {P4: {quiet_hours: false, calendar: plant}, P3: {update_within: 3h}}\n",
        {"": {}, "night": {"team": "night"}, "own": {"team": "own"}},
    ),
    Configured(
        "round the clock",
        "autumn",
        SLACK + "calendars: {default: {time_zone: Australia/Lord_Howe, hours: '00:00-24:00',"
        " days: [mon, tue, wed, thu, fri, sat, sun]}}\n"
        "priorities: {P3: {quiet_hours: true, acknowledge_within: 8 business hours}}\n",
    ),
    Configured(
        "open for an hour a week",
        "easter",
        BOTH + "calendars: {default: {time_zone: Asia/Kolkata, hours: {wed: '10:00-11:00'}}}\n"
        "escalations: {normal: {steps: [{notify: [slack]}, {notify: [slack], after: 90m}],"
        " repeat: 1, remind_after: 45m}}\n"
        "priorities: {P3: {quiet_hours: true, acknowledge_within: 40m}}\n",
    ),
)
