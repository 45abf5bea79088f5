"""The configured routing tree."""

import re

from pydantic import Field, field_validator

from routing.config.base import Matchers, Name, Priority, Section, Text
from routing.config.response import PriorityChange


class RouteConfig(Section):
    """A node of the routing tree. None and "" mean: as the parent.

    ``priorities`` changes what single priorities demand here, on top of the parent's changes.
    """

    name: Name | None = None
    matchers: Matchers = ()
    group_by: tuple[str, ...] | None = None
    continue_: bool = Field(default=False, alias="continue")
    priority: Priority | None = None
    escalation: str | None = None
    calendar: str | None = None
    priorities: dict[Priority, PriorityChange] = Field(default={})
    team: Text = ""
    routes: tuple["RouteConfig", ...] = ()

    @field_validator("name")
    @classmethod
    def _not_a_position(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"[0-9.]+", value):
            raise ValueError("a name of digits and dots alone is taken for a position in the tree")
        return value

    @field_validator("group_by")
    @classmethod
    def _labels(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and "..." in value:
            raise ValueError("'...' is not supported: name the labels, or leave group_by out")
        return value
