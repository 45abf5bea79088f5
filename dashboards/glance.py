"""System health at a glance: for whoever asks how it goes and has no time to learn what a p95 is."""

from dashboards.build import Board, dial, graph, number, words
from dashboards.incident_manager import (
    ACKNOWLEDGED,
    DEADLINES,
    JOB,
    RESOLVED,
    SYSTEM,
    TEAM,
    mean,
    once,
)

JOBS = "llm-config-manager|llm-optimizer|async-toolformer|llm-incident-manager"
OPEN = (
    'sum(max by (priority) (sum by (instance, priority) (incidents_active{$job, priority=~"%s"})))'
)
MET = once("increase", DEADLINES, "$__range", 'outcome="met"')
ENDED = once("increase", DEADLINES, "$__range", 'outcome=~"met|missed"')

BOARDS = (
    Board(
        "systems-at-a-glance",
        "System health at a glance",
        SYSTEM,
        JOB,
        (
            words(
                "How to read this page",
                "Green is well, yellow needs a look, red needs somebody now. Numbers are of the time chosen at the"
                " top right. An incident is something that went wrong; P1 and P2 are those that users feel.\n\n"
                "[What is open now](${incident_manager}/) · [Public status page](${incident_manager}/status)",
            ),
            number(
                "Do the systems work?",
                (f'min by (job) (up{{job=~"{JOBS}"}})', "{{job}}"),
                about="Each of the four systems: whether all of its parts answer.",
                limits=((1, "green"),),
                words=((1, "Working"), (0, "DOWN")),
            ),
            number(
                "Do users feel something now?",
                OPEN % "P1|P2",
                about="Incidents open now that users feel. 0 is well.",
                limits=((1, "yellow"), (3, "red")),
            ),
            number(
                "Is anything else open?",
                OPEN % "P3|P4",
                about="Smaller things that somebody has to repair in working hours.",
                limits=((10, "yellow"), (50, "red")),
            ),
            number(
                "Is nobody on it?",
                'sum(max by (priority) (sum by (instance, priority) (incidents_active{$job, state="triggered"})))',
                about="Open incidents that nobody has taken yet. Each has a deadline for that.",
                limits=((1, "yellow"), (5, "red")),
            ),
            dial(
                "Did requests succeed? Orchestrator",
                'avg_over_time((1 - system:http_error_ratio:rate5m{job="async-toolformer"})[$__range:5m])',
                unit="percentunit",
                about="Share of users' requests that worked. 99.9 % is promised.",
                limits=((0.995, "yellow"), (0.999, "green")),
            ),
            dial(
                "Did requests succeed? Auto-Optimizer",
                'avg_over_time((1 - system:http_error_ratio:rate5m{job="llm-optimizer"})[$__range:5m])',
                unit="percentunit",
                about="Share of users' requests that worked. 99.9 % is promised.",
                limits=((0.995, "yellow"), (0.999, "green")),
            ),
            dial(
                "Did requests succeed? Config Manager",
                'avg_over_time(system:http_success_ratio:rate5m{job="llm-config-manager"}[$__range])',
                unit="percentunit",
                about="Share of users' requests that worked. 99 % is promised.",
                limits=((0.99, "yellow"), (0.995, "green")),
            ),
            number(
                "How soon does somebody answer?",
                mean(ACKNOWLEDGED, "$__range", given=f'{TEAM}, by="human"'),
                unit="s",
                about="From the start of an incident until a person takes it, on average (MTTA).",
                limits=((300, "yellow"), (900, "red")),
            ),
            number(
                "How soon is it over?",
                mean(RESOLVED, "$__range", given=TEAM),
                unit="s",
                about="From the start of an incident to its end, on average (MTTR).",
                limits=((1800, "yellow"), (7200, "red")),
            ),
            dial(
                "Were promises kept?",
                f"sum({MET}) / sum({ENDED})",
                unit="percentunit",
                about="Share of the deadlines to answer and to repair that were met.",
                limits=((0.9, "yellow"), (0.95, "green")),
            ),
            number(
                "What did language models cost today?",
                'sum(system:llm_cost_dollars:increase1d{job="llm-optimizer"})',
                unit="currencyUSD",
                about="Dollars since this time yesterday. The budget is 100 a day.",
                limits=((80, "yellow"), (100, "red")),
            ),
            graph(
                "How many incidents a day?",
                (
                    f"sum by (priority) ({once('increase', 'incidents_total', '1d')})",
                    "{{priority}}",
                ),
                about="Incidents of the day before each point, by how urgent they were. P1 is the most urgent.",
                trend=True,
            ),
            graph(
                "What is wrong now?",
                (
                    'count by (system, severity) (ALERTS{system=~"$system", alertstate="firing"})',
                    "{{system}}: {{severity}}",
                ),
                about="Alerts that fire now, by system and severity. None is well.",
                limits=((1, "yellow"), (10, "red")),
            ),
        ),
        refresh="1m",
        span="now-7d",
        about="For everybody: do the systems work, is somebody on it, were promises kept. No knowledge needed.",
        variables=("system", "team"),
    ),
)
