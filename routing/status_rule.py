"""What the public status page is told of incidents, and in which words, as it is configured."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from routing.group import Group
from routing.matcher import Matcher, matches_all

STATUSES = ("investigating", "identified", "monitoring", "resolved")
IMPACTS = ("operational", "degraded", "partial_outage", "major_outage")
"""From the least to the worst."""
IMPACT_WORDS = {
    "operational": "operational",
    "degraded": "degraded performance",
    "partial_outage": "partial outage",
    "major_outage": "major outage",
}
WORDINGS: Mapping[str, str] = {
    "title": "Problem with {components}",
    "investigating": "We are aware of a problem with {components} and are investigating it.",
    "identified": "We have identified the cause and are working on a fix.",
    "monitoring": "A fix is in place. We are watching whether it holds.",
    "resolved": "The problem with {components} is resolved.",
    "reopened": "The problem with {components} has come back. We are investigating it.",
}
"""What is said when nobody words it: it names components and nothing else."""
LABEL_MAX = 100
"""Characters of a label that a template tells outsiders."""
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


class Component(msgspec.Struct, frozen=True):
    """A part of the service as outsiders know it; ``impacts``: priority -> impact."""

    name: str
    matchers: tuple[Matcher, ...]
    impacts: dict[str, str]

    def hit_by(self, labels: Iterable[Mapping[str, str]]) -> bool:
        """Return whether any of these sets of labels is about this component."""
        return any(matches_all(self.matchers, each) for each in labels)


class StatusRule(msgspec.Struct, frozen=True):
    """Which incidents outsiders read of, by whose impact on which component, in which words.

    ``automatic``: an incident of one of ``priorities`` that hits a component opens by itself.
    ``clusters``: of the senders whose alerts may do that; None: of all.
    """

    components: tuple[Component, ...]
    priorities: frozenset[str]
    wordings: Mapping[str, str]
    automatic: bool = True
    clusters: frozenset[str] | None = None

    def lets(self, group: Group) -> bool:
        """Return whether alerts of a group may put something on the page by themselves."""
        return self.clusters is None or group.cluster in self.clusters

    def hit(self, labels: Iterable[Mapping[str, str]], priority: str) -> dict[str, str]:
        """Return component -> impact of alerts with these labels, in the page's order."""
        known = list(labels)
        return {
            component.name: component.impacts[priority]
            for component in self.components
            if component.hit_by(known)
        }

    def word(self, name: str, components: Iterable[str], labels: Mapping[str, str]) -> str:
        """Return a default wording; labels are in it only where its template names them."""
        known = listed(components)
        text = _PLACEHOLDER.sub(
            lambda found: known if found[1] == "components" else _told(labels.get(found[1], "")),
            self.wordings[name],
        )
        return " ".join(text.split())


def check_wording(text: str) -> None:
    """Raise ValueError unless a template's braces are all placeholders."""
    if {"{", "}"} & set(_PLACEHOLDER.sub("", text)) or not text.strip():
        raise ValueError("not a text with placeholders such as {components} or {a_label}")


def _told(label: str) -> str:
    """Return a label's value for outsiders: whoever sends alerts could put anything into it."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in label).split())
    return shown if len(shown) <= LABEL_MAX else f"{shown[: LABEL_MAX - 1]}…"


def listed(names: Iterable[str]) -> str:
    """Return names as in ``A, B and C``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def badness(impact: str) -> int:
    """Return how bad an impact is; one that only a newer release knows is as bad as degraded."""
    return IMPACTS.index(impact if impact in IMPACTS else "degraded")


def worst(one: str, other: str) -> str:
    """Return the worse of two impacts."""
    return max(one, other, key=badness)


def joined(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return all components, of each the worse impact."""
    found = dict(one)
    for name, impact in other.items():
        found[name] = worst(found.get(name, impact), impact)
    return found
