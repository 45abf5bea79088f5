"""The configuration in force as it can be shown: as it would be written, without any secret."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from receiver.http.config import Expiry
from receiver.secrets import Secrets
from receiver.settings.model import Settings
from receiver.settings.schema import extra_of, secret_values
from receiver.text.times import rfc3339
from routing.config.base import Duration
from routing.duration import format_duration
from routing.time_limit import TimeLimit

HIDDEN = "***"
HASHED = "_hash"
"""How fields end that hold what a secret is compared with: of a weak one it can be found by it."""
_DURATION, _EXPIRY = get_args(Duration)[1].func, get_args(Expiry)[1].func
"""What reads their texts, by which the numbers are known."""


def shown(settings: Settings) -> dict[str, Any]:
    """Return the settings as a configuration would have them; secrets are ``***``."""
    secrets = Secrets()
    secrets.add(secret_values(settings))
    found: dict[str, Any] = _model(settings, secrets)
    return found


def digest_of(shown: Mapping[str, Any]) -> str:
    """Return what tells one configuration from another; a secret that is another one does not.

    By a digest of secrets whoever sees it could try which they are.
    """
    text = json.dumps(shown, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()


def _model(value: BaseModel, secrets: Secrets) -> dict[str, Any]:
    kind = type(value)
    found = {}
    for name, field in kind.model_fields.items():
        held, key = getattr(value, name), field.alias or name
        if held is None:
            continue
        if key.endswith(HASHED) and held:
            found[key] = HIDDEN
            continue
        units = _units(field.annotation, field.metadata)
        item = _value(held, units, secrets)
        found[key] = secrets.hide(item) if not field.repr and isinstance(item, str) else item
    for name, held in (value.model_extra or {}).items():
        found[name] = _value(held, _units(extra_of(kind), ()), secrets)
    return found


def _value(value: Any, units: Any, secrets: Secrets) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return _model(value, secrets)
    if isinstance(value, Mapping):
        return {_key(key): _value(item, units, secrets) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_value(item, units, secrets) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, str) and not _is_text(value):
        return [_value(item, units, secrets) for item in value]
    return _plain(value, units)


def _is_text(value: Any) -> bool:
    """Return whether a tuple is one thing, which is written as a text."""
    return hasattr(value, "_fields")


def _plain(value: Any, units: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int) and not isinstance(value, bool):
        if units is _DURATION:
            # Exactly, though not as a person would write it.
            return str(TimeLimit("elapsed", value)) if value else format_duration(0)
        return rfc3339(value) if units is _EXPIRY else value
    return value if value is None or isinstance(value, str | bool | float) else str(value)


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


def _units(annotation: Any, metadata: Sequence[Any]) -> Any:
    """Return what reads a number from its text: of a duration, or of a time."""
    for mark in metadata:
        if (reads := getattr(mark, "func", None)) in (_DURATION, _EXPIRY):
            return reads
    if get_origin(annotation) is None and not get_args(annotation):
        return None
    inner, *marks = get_args(annotation)
    own = getattr(annotation, "__metadata__", None)
    if own is not None:
        return _units(inner, own)
    for kind in (inner, *marks):
        if (found := _units(kind, ())) is not None:
            return found
    return None
