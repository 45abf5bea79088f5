"""The people who answer, as they are configured: by the names and ids they act under."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator

from receiver.config.problem import Problem
from receiver.text.ids import is_user_id
from routing.config.base import Name, Section, Text


def _email(value: str) -> str:
    if value and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError("not an e-mail address")
    return value


def _slack(value: str) -> str:
    if value and not is_user_id(value):
        raise ValueError("not the id of a Slack user such as U0123ABCD")
    return value


def _pagerduty(value: str) -> str:
    if value and not re.fullmatch(r"[A-Z0-9]{5,20}", value):
        raise ValueError("not the id of a PagerDuty user such as P1ABC2D (it is in its URL)")
    return value


class PersonConfig(Section):
    """One person. ``name``: as it is shown elsewhere; ``slack`` and ``pagerduty``: their ids."""

    name: Text = ""
    email: Annotated[Text, AfterValidator(_email)] = ""
    slack: Annotated[str, AfterValidator(_slack)] = ""
    pagerduty: Annotated[str, AfterValidator(_pagerduty)] = ""

    def identities(self, key: str) -> Iterator[tuple[str, str]]:
        """Yield (field, what the person is called by there); ``key``: the name in the section."""
        yield "", key
        for field in ("name", "email", "slack", "pagerduty"):
            value = getattr(self, field)
            if value and (field == "email" or value.casefold() != key.casefold()):
                yield field, value


People = dict[Name, PersonConfig]


def known_names(people: Mapping[str, PersonConfig]) -> dict[str, str]:
    """Return everything a person may be called by (folded) -> their name in the section."""
    return {
        called.casefold(): key
        for key, config in people.items()
        for _, called in config.identities(key)
    }


def check_people(people: Mapping[str, PersonConfig]) -> Iterable[Problem]:
    """Tell of what two people are called by alike: it would say who neither of them is."""
    owners: dict[str, str] = {}
    for key, config in people.items():
        for field, called in config.identities(key):
            owner = owners.setdefault(called.casefold(), key)
            if owner != key:
                place = ("people", key, field) if field else ("people", key)
                yield Problem(place, f"{called!r} is {owner} already")
