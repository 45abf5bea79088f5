"""Environment variables that look like settings and are none."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from receiver.settings.model import Settings
from receiver.settings.schema import keys_of, type_at

PREFIX = "LLM_IM__"
_NEAR = re.compile(r"\ALLM[_-]*IM[_-]", re.IGNORECASE)
_OF_SERVICE = re.compile(
    r"LLM_IM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)
_PORT = re.compile(r"LLM_IM_(\w+_)?PORT")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


class Misspelt(NamedTuple):
    """A variable that is not read; ``meant``: the setting it would be is known for certain."""

    variable: str
    words: str
    meant: bool


def misspelt(environ: Mapping[str, str]) -> Iterator[Misspelt]:
    """Yield the variables that were probably meant as a setting."""
    for name in sorted(environ):
        near = _NEAR.match(name)
        if near is None or name.startswith(PREFIX) or _of_kubernetes(name, environ[name]):
            continue
        words = f"not read: settings begin with {PREFIX}, and have __ before each key"
        setting = _setting(name[near.end() :])
        if setting:
            yield Misspelt(name, f"{words}; did you mean {setting}?", meant=True)
        else:
            yield Misspelt(name, words + _section(name[near.end() :]), meant=False)


def _of_kubernetes(name: str, value: str) -> bool:
    """Return whether Kubernetes sets it, for a service called llm-im or llm-im-something."""
    port = _PORT.fullmatch(name) and _ADDRESS.match(value)
    return bool(_OF_SERVICE.fullmatch(name) or port)


def _setting(rest: str) -> str:
    """Return the variable of the setting that was meant, "" where there is none of that name."""
    text = rest.lstrip("_").lower()
    for section in sorted(keys_of(Settings), key=len, reverse=True):
        key = text.removeprefix(f"{section}_").lstrip("_")
        keys = keys_of(type_at(Settings, (section,)))
        known = not keys or any(key == name or key.startswith(f"{name}__") for name in keys)
        if text.startswith(f"{section}_") and key and known:
            return f"{PREFIX}{section.upper()}__{key.upper()}"
    return ""


def _section(rest: str) -> str:
    first = rest.lstrip("_").lower().partition("_")[0]
    close = difflib.get_close_matches(first, keys_of(Settings), n=1)
    return f"; did you mean {PREFIX}{close[0].upper()}__...?" if close else ""
