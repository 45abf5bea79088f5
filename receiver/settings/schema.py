"""What the models of the settings say about a place: its type, its keys, its secrets."""

import re
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import parse_qs, unquote

from pydantic import BaseModel, SecretStr

from receiver.config.types import BESIDE_CONFIG


def plain(annotation: Any) -> Any:
    """Return a type without ``Annotated`` and without the None of an optional one."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return plain(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return plain(next(kind for kind in get_args(annotation) if kind is not NoneType))
    return annotation


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the models a type stands for: none, one, or those of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return models_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [model for kind in get_args(annotation) for model in models_of(kind)]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return [annotation] if is_model else []


def fields_of(annotation: Any) -> dict[str, Any]:
    """Return name (as written in a configuration) -> type of a model's fields."""
    return {
        field.alias or name: field.annotation
        for model in reversed(models_of(annotation))
        for name, field in model.model_fields.items()
    }


def extra_of(annotation: Any) -> Any:
    """Return the type of what a model holds beside its fields, by any name; None for none."""
    for model in models_of(annotation):
        found = model.__annotations__.get("__pydantic_extra__")
        if found is not None:
            return get_args(found)[1]
    return None


def member_of(annotation: Any, tag: str | int) -> type[BaseModel] | None:
    """Return the model of a union that has this ``type``; None where there is no such choice."""
    models = models_of(annotation)
    if len(models) < 2:  # noqa: PLR2004 - one is no choice
        return None
    tags = {str(model.model_fields["type"].default): model for model in models}
    return tags.get(str(tag))


def child_of(annotation: Any, key: str | int) -> Any:
    """Return the type below ``key``; None where the models know none."""
    kind = plain(annotation)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if get_origin(kind) is tuple:
        return get_args(kind)[0]
    return fields_of(annotation).get(str(key), extra_of(annotation))


def type_at(annotation: Any, path: tuple[str | int, ...]) -> Any:
    """Return the type at a path below ``annotation``; None where the models know none."""
    for key in path:
        annotation = child_of(annotation, key)
    return annotation


def is_container(annotation: Any) -> bool:
    """Return whether a type is a mapping or a list."""
    kind = plain(annotation)
    return bool(models_of(annotation)) or get_origin(kind) in (dict, tuple)


def secrets_of(annotation: Any) -> list[str]:
    """Return the names of a model's secrets; each may be written as ``name_file`` too.

    A secret is a SecretStr, or a text kept out of the representation: a URL with a password.
    """
    return [
        field.alias or name
        for model in models_of(annotation)
        for name, field in model.model_fields.items()
        if plain(field.annotation) is SecretStr or not field.repr
    ]


def files_of(annotation: Any) -> list[str]:
    """Return the names of a model's fields whose paths begin at the configuration's folder."""
    return [
        field.alias or name
        for model in models_of(annotation)
        for name, field in model.model_fields.items()
        if BESIDE_CONFIG in field.metadata
    ]


def secret_values(value: Any) -> Iterator[str]:
    """Yield every secret that settings hold, of a URL the password as it is written and as meant.

    It follows the models, so that a new secret needs no place where it is named again.
    """
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secret_values(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_values(item)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            held = getattr(value, name)
            yield from secret_values(held) if field.repr else _of_url(held)
        yield from secret_values(value.model_extra or {})


_PASSWORDS = ("password", "sentinel_password")
"""Options of a URL that are secrets."""


def _of_url(url: str) -> Iterator[str]:
    # Not by urlsplit, which refuses what cannot be read, and several IPv6 addresses.
    place, _, query = url.partition("://")[2].partition("?")
    user, _, _ = re.split("[/#]", place, maxsplit=1)[0].rpartition("@")
    options = parse_qs(query.partition("#")[0])
    named = [value for name in _PASSWORDS for value in options.get(name, [])]
    found = [user.partition(":")[2], *named]
    for written in filter(None, found):
        yield from (written, unquote(written))


def keys_of(annotation: Any) -> list[str]:
    """Return the keys a configuration may have here; [] where any are allowed."""
    kind = plain(annotation)
    if extra_of(annotation) is not None:
        return []
    if get_origin(kind) is dict:
        names = plain(get_args(kind)[0])
        return list(get_args(names)) if get_origin(names) is Literal else []
    return sorted({*fields_of(annotation), *(f"{name}_file" for name in secrets_of(annotation))})
