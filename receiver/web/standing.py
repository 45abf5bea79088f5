"""How a process is, and how several are together, for /health. Pure."""

from collections.abc import Sequence

import msgspec

from receiver.conditions import Condition

ONE_DOES = ("slack_socket", "outgoing_heartbeat")
"""Components of which it is enough that one process has them."""
_WORST = ("failing", "ok", "untried")


class Standing(msgspec.Struct, frozen=True):
    """What /health shows of one process; ``number``: which, 0 where it is the only one."""

    number: int
    conditions: list[Condition]
    components: dict[str, str]
    notifiers: dict[str, dict[str, str | None]]


def together(own: Standing, others: Sequence[Standing]) -> Standing:
    """Return how all are, as the one that is asked says it.

    What is wrong with another alone does not keep this one from taking alerts.
    """
    conditions = {one.subject: one for one in own.conditions}
    components, notifiers = dict(own.components), dict(own.notifiers)
    for other in others:
        for one in other.conditions:
            words = f"process {other.number}: {one.problem}"
            elsewhere = msgspec.structs.replace(one, problem=words, unready=False)
            conditions.setdefault(one.subject, elsewhere)
        for name in ONE_DOES:
            if name in components and other.components.get(name) == "ok":
                components[name] = "ok"
        for name, how in other.notifiers.items():
            if name in notifiers and _rank(how) < _rank(notifiers[name]):
                notifiers[name] = how
    return Standing(own.number, list(conditions.values()), components, notifiers)


def _rank(how: dict[str, str | None]) -> int:
    return _WORST.index(how["state"] or "")
