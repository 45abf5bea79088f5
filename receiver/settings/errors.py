"""What pydantic finds wrong with a configuration, in our words.

Values are never repeated, for they may be secret.
"""

import difflib
from typing import Any

from receiver.config.problem import Place, Problem
from receiver.settings.model import Settings
from receiver.settings.schema import keys_of, member_of, models_of, type_at

_WORDS = {
    "missing": "required",
    "string_type": "must be text (put it in quotes)",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "literal_error": "not one of the allowed values",
}


def in_words(error: dict[str, Any]) -> Problem:
    """Return an error of pydantic (``ValidationError.errors``) as what is wrong at which place."""
    path, chosen = _place(error["loc"])
    kind = error["type"]
    if kind.startswith("union_tag"):
        return _of_no_kind(error, path)
    if kind == "extra_forbidden" and chosen and path[-1] in keys_of(type_at(Settings, path[:-1])):
        return Problem(path, f"{path[-1]} has no meaning for the type {chosen}")
    if kind == "extra_forbidden" or "[key]" in error["loc"]:
        allowed = keys_of(type_at(Settings, path[:-1]))
        if allowed:
            near = difflib.get_close_matches(str(path[-1]), allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            return Problem(path, f"unknown key{hint}", tuple(allowed))
    context = error.get("ctx", {})
    if kind == "literal_error":
        allowed = [word.strip("' ") for word in context["expected"].replace(" or ", ",").split(",")]
        return Problem(path, _WORDS[kind], tuple(allowed))
    if kind == "value_error":
        return Problem(path, str(context["error"]))
    message = error["msg"].replace("Input should", "must")
    return Problem(path, _WORDS.get(kind, message[0].lower() + message[1:]))


def _place(given: tuple[str | int, ...]) -> tuple[Place, str]:
    """Return the place of an error, and which kind of several was chosen there, "" for none.

    pydantic puts the kind into the place, where nobody has written it.
    """
    found: list[str | int] = []
    chosen = ""
    for part in given:
        if part == "[key]":
            continue
        if member_of(type_at(Settings, tuple(found)), part) is not None and not chosen:
            chosen = str(part)
        else:
            found.append(part)
    return tuple(found), chosen


def _of_no_kind(error: dict[str, Any], path: Place) -> Problem:
    models = models_of(type_at(Settings, path))
    kinds = tuple(str(model.model_fields["type"].default) for model in models)
    words = "missing" if error["type"] == "union_tag_not_found" else "literal_error"
    return Problem((*path, "type"), _WORDS[words], () if words == "missing" else kinds)
