"""Classification: which priority an alert has, and the reason that named it."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from routing.condition import Condition
from routing.config.base import ClassifyConfig, RuleConfig
from routing.matcher import Matcher, matches_all
from routing.remembered import SHORT
from routing.severity import WORDS, plain_word, shown

AT_LEAST = "P2"
"""The priority of what says how urgent it is in a word nobody knows."""
_CACHE_LIMIT = 4096
"""Labels come from outside: a flood of made-up severities must not fill the memory."""


class _Rule(NamedTuple):
    matchers: tuple[Matcher, ...]
    condition: Condition | None
    outcome: tuple[str, str]


def add_values(found: dict[str, set[str]], matchers: Iterable[Matcher]) -> None:
    """Add label -> values that matchers compare with as they are."""
    for matcher in matchers:
        if matcher.operator == "=" and matcher.value:
            found.setdefault(matcher.name, set()).add(matcher.value)


def reason_of(rule: RuleConfig, number: int) -> str:
    """Return the reason that a rule gives, of which ``number`` (from 1) is the place."""
    return f"rule '{rule.name}'" if rule.name else f"rule {number}"


class Classifier:
    """Ordered rules, then the ``priority`` label, then the severity; without one the default.

    A severity that nobody listed may be anybody's word for a disaster: it is P2 at least.

    ``uses_group_size`` says whether the answer can change when the group grows.
    """

    def __init__(self, config: ClassifyConfig) -> None:
        self._rules = tuple(
            _Rule(
                rule.matchers,
                None if rule.when is None else Condition(rule.when),
                (rule.priority, reason_of(rule, number)),
            )
            for number, rule in enumerate(config.rules, start=1)
        )
        self._priorities = {
            name: (name, f"label priority={name}") for name in ("P1", "P2", "P3", "P4")
        }
        self._severities = config.severities
        self._default = (config.default, "default")
        self._known: dict[tuple[str | None, str | None], tuple[str, str]] = {}
        self.uses_group_size = any(
            rule.condition is not None and rule.condition.uses_group_size for rule in self._rules
        )

    def classify(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], group_size: int = 1
    ) -> tuple[str, str]:
        """Return (priority P1..P4, reason) of one alert; the first rule that holds wins.

        ``group_size`` is the number of firing alerts in the alert's group.
        """
        ruled = self._ruled(labels, annotations, group_size)
        if ruled is not None:
            return ruled
        key = (labels.get("priority"), labels.get("severity"))
        found = self._known.get(key)
        if found is None:
            found = self._by_labels(*key)
            # Senders choose these texts, as long as they like.
            if len(self._known) < _CACHE_LIMIT and sum(len(text or "") for text in key) <= SHORT:
                self._known[key] = found
        return found

    def chosen(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
        """Return whether a rule or the label ``priority`` says how urgent an alert is."""
        given = labels.get("priority", "").strip().upper() in self._priorities
        return given or self._ruled(labels, annotations, 1) is not None

    def _ruled(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], group_size: int
    ) -> tuple[str, str] | None:
        for rule in self._rules:
            if matches_all(rule.matchers, labels) and (
                rule.condition is None or rule.condition.holds(labels, annotations, group_size)
            ):
                return rule.outcome
        return None

    def knows(self, severity: str) -> bool:
        """Return whether a severity (as the sender wrote it) leads to a priority; "" does."""
        return not severity.strip() or self._priority_of(severity) is not None

    def labels_of(self, priorities: Collection[str]) -> dict[str, set[str]]:
        """Return label -> values that give an alert one of ``priorities``, or are asked for by it.

        Only what is compared with a value as it is: it is for a first look, see ``label_finder``.
        """
        found = {
            "priority": set(priorities),
            "severity": {
                name for name, priority in self._severities.items() if priority in priorities
            },
        }
        for rule in self._rules:
            if rule.outcome[0] in priorities:
                add_values(found, rule.matchers)
        return found

    def _by_labels(self, priority: str | None, severity: str | None) -> tuple[str, str]:
        found = self._priorities.get((priority or "").strip().upper())
        if found is not None:
            return found
        word = (severity or "").strip()
        if not word:
            return self._default
        known = self._priority_of(word)
        if known is not None:
            return known, f"severity {word.lower()}"
        least = min(self._default[0], AT_LEAST)
        return least, f'severity "{shown(word)}" is not known: at least {AT_LEAST}'

    def _priority_of(self, severity: str) -> str | None:
        word = plain_word(severity)
        return self._severities.get(word) or self._severities.get(WORDS.get(word, ""))
