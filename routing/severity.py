"""The words that senders use for how severe an alert is, and what each amounts to.

Those of Prometheus' public rules and mixins, the SRE workbook (page, ticket), syslog, Nagios and
Icinga, Zabbix, PagerDuty, Datadog, Opsgenie, OpenNMS and X.733 alarms, and the levels sev0 to sev5,
p0 to p5 and s0 to s4. Read in any case, with blanks, dashes and underscores left out.
"""

from routing.remembered import remembered

_SYNONYMS = {
    "critical": (
        "crit",
        "fatal",
        "emergency",
        "emerg",
        "panic",
        "alert",
        "disaster",
        "page",
        "pager",
        "paging",
        "urgent",
        "down",
        "sev0",
        "sev1",
        "p0",
        "p1",
        "s0",
        "s1",
    ),
    "error": ("err", "unreachable", "unknown", "indeterminate"),
    "high": ("major", "severe", "important", "sev2", "p2", "s2"),
    "warning": (
        "warn",
        "minor",
        "medium",
        "moderate",
        "average",
        "notclassified",
        "ticket",
        "sev3",
        "p3",
        "s3",
    ),
    "info": (
        "information",
        "informational",
        "notice",
        "low",
        "debug",
        "trace",
        "sev4",
        "sev5",
        "p4",
        "p5",
        "s4",
    ),
    "none": ("ok", "okay", "normal", "success", "up", "clear", "cleared"),
}
WORDS = {
    word: severity for severity, synonyms in _SYNONYMS.items() for word in (severity, *synonyms)
}
"""Every known word -> one of the severities that metrics and defaults know."""
SHOWN_MAX = 40
_LEFT_OUT = str.maketrans("", "", " -_")


@remembered
def plain_word(text: str) -> str:
    """Return a severity as it is looked up: ``SEV-1`` and ``sev 1`` are ``sev1``."""
    return text.strip().lower().translate(_LEFT_OUT)


@remembered
def canonical(text: str) -> str:
    """Return which of the usual severities a word means; one that is not known as it is."""
    return WORDS.get(plain_word(text)) or text.strip().lower()


def shown(text: str) -> str:
    """Return an unknown word as it is shown to people: of a bounded length."""
    word = text.strip()
    return word if len(word) <= SHOWN_MAX else f"{word[: SHOWN_MAX - 1]}…"
