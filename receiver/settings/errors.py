"""What pydantic finds wrong with a configuration, in our words.

Values are never repeated, for they may be secret.
"""

import difflib
from typing import Any

from receiver.config_problem import Place, Problem
from receiver.settings.model import Settings
from receiver.settings.schema import keys_of, type_at

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
    path: Place = tuple(part for part in error["loc"] if part != "[key]")
    kind = error["type"]
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
