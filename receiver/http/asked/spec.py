"""What a path takes and answers: beside its handler, kept by the guard, shown by OpenAPI."""

from collections.abc import Mapping
from typing import Any

import msgspec

ID = "the id of an incident"


class Parameter(msgspec.Struct, frozen=True):
    """A parameter after the ``?``.

    ``says``: what it is for; ``usual``: what holds without it. ``choices``: all that it may be;
    ``least`` and ``greatest``: it is a whole number between them; ``most``: of so many characters;
    ``many``: it may be given several times; ``form``: of its text, such as ``date``.
    """

    name: str
    says: str
    usual: str | int | None = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    greatest: int | None = None
    most: int | None = None
    many: bool = False
    needed: bool = False
    form: str = ""


class Header(msgspec.Struct, frozen=True):
    """A header of the request that changes what is done."""

    name: str
    says: str


class Media(msgspec.Struct, frozen=True):
    """An answer that is no JSON, or not JSON alone: its content type, and the type of its JSON."""

    types: tuple[str, ...]
    json: Any = None


TEXT = Media(("text/plain",))


class Spec(msgspec.Struct, frozen=True):
    """What a path takes and answers.

    ``answers``: status -> type of its JSON (a tuple: one of them), a ``Media``, None for no body.
    ``problems``: the statuses of errors beyond those that follow from the row (see ``openapi``).
    ``parameters``: all there are, so that any other is refused; ``lenient``: it is passed over, as
    by webhooks, of which no alert may be lost over a slip. ``body``: the type of its JSON, of which
    ``needed`` must be there and not empty.
    """

    answers: Mapping[int, Any]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    needed: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    problems: tuple[int, ...] = ()
    lenient: bool = False
