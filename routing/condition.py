"""Numeric conditions of classification rules: ``value > 0.05``, ``group_size >= 10``."""

import math
import operator
import re
from collections.abc import Callable, Mapping

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*([^\s<>=!]+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*")

GROUP_SIZE = "group_size"
"""The name that stands for the number of firing alerts of the group, not for an annotation."""


def read_number(text: str) -> float:
    """Return the number in ``0.07``, ``1.2e3``, ``+Inf`` or ``7%`` (0.07); NaN for other texts."""
    trimmed = text.strip()
    try:
        return float(trimmed[:-1]) / 100 if trimmed.endswith("%") else float(trimmed)
    except ValueError:
        return math.nan


class Condition:
    """``<annotation, label or group_size> <operator> <number>``."""

    __slots__ = ("_compare", "_limit", "name", "text")

    def __init__(self, text: str) -> None:
        """ValueError when ``text`` is not a condition."""
        found = _CONDITION.fullmatch(text)
        if found is None or math.isnan(read_number(found[3])):
            raise ValueError(
                f"not a condition: {text!r} (write for example value > 0.05 or group_size >= 10;"
                f" operators {', '.join(_COMPARISONS)})"
            )
        self.text = text.strip()
        self.name = found[1]
        self._compare = _COMPARISONS[found[2]]
        self._limit = read_number(found[3])

    @property
    def uses_group_size(self) -> bool:
        """Whether the outcome depends on the size of the group."""
        return self.name == GROUP_SIZE

    def holds(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], group_size: int
    ) -> bool:
        """Compare the annotation, else the label, of this name; what is no number never holds."""
        if self.name == GROUP_SIZE:
            return self._compare(group_size, self._limit)
        text = annotations.get(self.name)
        number = read_number(labels.get(self.name, "") if text is None else text)
        return not math.isnan(number) and self._compare(number, self._limit)
