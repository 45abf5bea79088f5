"""Routes and classification rules that nothing can reach."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from receiver.config.problem import Place, Problem
from receiver.settings.model import Settings
from receiver.settings.places import Node, nodes
from routing.implied import covers, impossible
from routing.matcher import Matcher


def check_routes(settings: Settings) -> tuple[list[Problem], frozenset[Place]]:
    """Return what is to be said of routes that are never taken, and the places of those routes.

    Of a route that is never taken, its children are not spoken of.
    """
    problems: list[Problem] = []
    lost: set[Place] = set()
    takers: dict[Place, _Takers] = {}
    for node in nodes(settings):
        takers[node.place] = _Takers(node)
        if any(above.place in lost for above in node.above[-1:]):
            lost.add(node.place)
            continue
        why = _why_never(node, takers)
        if why:
            lost.add(node.place)
            problems.append(Problem(node.place, f"no alert can take this route: {why}"))
        elif node.config.continue_ and node.above and _is_last(node):
            words = "has no effect: no route follows on this one"
            problems.append(Problem((*node.place, "continue"), words))
    return problems, frozenset(lost)


class _Takers:
    """The children of a route after which no other is tried, found by what they ask for.

    Of hundreds of routes most ask for a value of their own, and are not compared one by one.
    """

    def __init__(self, parent: Node) -> None:
        self._by_value: dict[tuple[str, str], list[int]] = {}
        self._others: list[int] = []
        self._children = parent.config.routes
        for number, child in enumerate(self._children):
            first = next((item for item in child.matchers if item.operator == "="), None)
            if child.continue_:
                continue
            if first is None:
                self._others.append(number)
            else:
                self._by_value.setdefault((first.name, first.value), []).append(number)

    def before(self, number: int, mine: Sequence[Matcher]) -> int | None:
        """Return the first child before ``number`` that takes all that fulfils ``mine``."""
        near = list(self._others)
        for matcher in mine:
            if matcher.values is not None and len(matcher.values) == 1:
                (value,) = matcher.values
                near += self._by_value.get((matcher.name, value), ())
        for index in sorted(near):
            if index >= number:
                return None
            if covers(self._children[index].matchers, mine):
                return index
        return None


def _is_last(node: Node) -> bool:
    return node.place[-1] == len(node.above[-1].config.routes) - 1


def _why_never(node: Node, takers: Mapping[Place, _Takers]) -> str:
    line = node.line
    mine = tuple(matcher for step in line for matcher in step.config.matchers)
    both = impossible(mine)
    if both is not None:
        return f"{both[0]} and {both[1]} cannot both be true"
    for parent, child in pairwise(line):
        index = takers[parent.place].before(int(child.place[-1]), mine)
        if index is not None:
            before = parent.config.routes[index]
            shown = ", ".join(str(item) for item in before.matchers) or "everything"
            name = before.name or ".".join(str(part) for part in (*parent.place, "routes", index))
            return (
                f"the route {name} before it takes {shown}; set `continue: true` there,"
                " or move this one before it"
            )
    return ""


def check_rules(settings: Settings) -> Iterable[Problem]:
    """Yield the classification rules that never decide."""
    rules = settings.classify.rules
    for number, rule in enumerate(rules):
        path = ("classify", "rules", number)
        both = impossible(rule.matchers)
        if both is not None:
            yield Problem(path, f"never decides: {both[0]} and {both[1]} cannot both be true")
            continue
        for index, before in enumerate(rules[:number]):
            same = before.when in (None, rule.when)
            if same and covers(before.matchers, rule.matchers):
                name = f"{before.name!r}" if before.name else f"number {index + 1}"
                yield Problem(path, f"never decides: the rule {name} before it holds as well")
                break
