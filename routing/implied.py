"""What matchers say of each other, where that can be decided: which route can never be taken.

Nothing is guessed. Where a regular expression meets another one that is not the same, or that is no
plain list of alternatives, nothing is known, and nothing is said.
"""

from collections.abc import Iterable, Sequence

from routing.matcher import Matcher


def implies(first: Matcher, second: Matcher) -> bool:
    """Return whether every set of labels that fulfils ``first`` is known to fulfil ``second``."""
    if first == second or _always(second):
        return True
    if first.name != second.name:
        return False
    if first.values is not None:
        return all(second.matches({second.name: value}) for value in first.values)
    refused = second.refused_values
    return refused is not None and not any(first.matches({first.name: value}) for value in refused)


def contradict(first: Matcher, second: Matcher) -> bool:
    """Return whether no set of labels is known to fulfil both."""
    if first.name != second.name:
        return False
    for one, other in ((first, second), (second, first)):
        if one.values is not None:
            return not any(other.matches({other.name: value}) for value in one.values)
    return first.value == second.value and {first.operator, second.operator} == {"=~", "!~"}


def covers(wider: Iterable[Matcher], narrower: Sequence[Matcher]) -> bool:
    """Return whether whatever fulfils all of ``narrower`` is known to fulfil all of ``wider``."""
    same = set(narrower)
    return all(
        matcher in same or _always(matcher) or any(implies(known, matcher) for known in narrower)
        for matcher in wider
    )


def impossible(matchers: Sequence[Matcher]) -> tuple[Matcher, Matcher] | None:
    """Return two matchers that no set of labels fulfils together, where that is known."""
    by_label: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        for known in by_label.setdefault(matcher.name, []):
            if contradict(known, matcher):
                return known, matcher
        by_label[matcher.name].append(matcher)
    return None


def _always(matcher: Matcher) -> bool:
    return matcher.operator == "=~" and matcher.value == ".*"
