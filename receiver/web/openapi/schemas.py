"""JSON Schemas of what goes in and comes out, made of the types that the handlers use."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from receiver.actions.row import Action, Field
from receiver.http.asked.spec import Parameter
from receiver.review.model import Review, is_span, is_time

Schema = dict[str, Any]
AT = "#/components/schemas/"
_TIME: Schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_SECONDS: Schema = {"anyOf": [{"type": "number"}, {"type": "null"}]}
PROBLEM: Schema = {
    "title": "Problem",
    "description": "What was wrong, and what is allowed (RFC 9457).",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "place": {"type": "string", "description": "where: a field, a parameter, a line"},
    },
    "required": ["title", "status", "detail"],
}


class Schemas:
    """Schemas of all types of a document, each said once among its components."""

    def __init__(self, types: Iterable[Any]) -> None:
        kinds = list(dict.fromkeys(kind for kind in types if kind is not Review))
        found, components = msgspec.json.schema_components(kinds, ref_template=f"{AT}{{name}}")
        self._of = dict(zip(kinds, found, strict=True))
        self.components: Schema = {"Problem": PROBLEM, **components, **_review()}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type, or of several of which it is one."""
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(each) for each in kind]}
        return {"$ref": f"{AT}Review"} if kind is Review else self._of[kind]


def _review() -> Schema:
    """Return the schemas of a review: its times and spans are stored as numbers, and shown so."""

    def name(text: str) -> str:
        return "Review" if text == "Review" else f"Review{text}"

    _, found = msgspec.json.schema_components([Review], ref_template=f"{AT}{{name}}")
    for schema in found.values():
        for field, shown in schema["properties"].items():
            if is_time(field):
                schema["properties"][field] = _TIME
            elif is_span(field):
                schema["properties"][field] = _SECONDS
            else:
                schema["properties"][field] = _renamed(shown, name)
    return {name(text): schema for text, schema in found.items()}


def _renamed(schema: Any, name: Callable[[str], str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(each, name) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"{AT}{name(value.removeprefix(AT))}" if key == "$ref" else _renamed(value, name)
        for key, value in schema.items()
    }


def parameter_schema(parameter: Parameter) -> Schema:
    """Return what a parameter may be; of one that may be repeated, each of its values."""
    schema: Schema = {"type": "string"}
    if parameter.greatest is not None:
        schema = {"type": "integer", "minimum": parameter.least, "maximum": parameter.greatest}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.form:
        schema["format"] = parameter.form
    if parameter.needed:
        schema["minLength"] = 1
    if parameter.most is not None:
        schema["maxLength"] = parameter.most
    if parameter.usual is not None:
        schema["default"] = parameter.usual
    return {"type": "array", "items": schema} if parameter.many else schema


def action_schema(action: Action) -> Schema:
    """Return the body of an action: its type, with what its fields say of themselves."""
    _, components = msgspec.json.schema_components([action.body])
    (schema,) = components.values()
    properties: Mapping[str, Schema] = schema["properties"]
    for field in action.fields:
        properties[field.name].update(_field(field, properties[field.name]))
    needed = [field.name for field in action.fields if field.needed]
    found: Schema = schema | {"description": action.meaning, "required": needed}
    return found


def _field(field: Field, schema: Schema) -> Schema:
    found: Schema = {"description": " ".join(filter(None, (field.label, field.help)))}
    if field.choices:
        values = [value for value, _ in field.choices]
        known = schema.get("items", schema)
        known |= {"enum": values if field.needed else ["", *values]}
    elif schema.get("type") == "string":
        found["maxLength"] = field.most
    return found
