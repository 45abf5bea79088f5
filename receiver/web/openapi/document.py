"""The OpenAPI document: every path for programs with what it takes, answers and may refuse.

What follows from a row is said of all alike: 400 where something may be wrong with the request, 401
and 403 where somebody has to say who they are, 404 where the path names something, 413 and 415
where there is a body, 429 for who asks too often, alerts left out, 503 while nothing can be stored
or read.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from receiver.actions.registry import REGISTRY
from receiver.http.asked.spec import Media, Parameter, Spec
from receiver.http.routes import INTAKE, ROLES, Route, Who
from receiver.problem import CONTENT_TYPE
from receiver.web.openapi.schemas import AT, Schema, Schemas, action_schema, parameter_schema

ACTION = "/v1/incidents/{id}/{action}"
SECURITY: Schema = {
    "token": {"type": "http", "scheme": "bearer", "description": "a token of web.credentials"},
    "password": {"type": "http", "scheme": "basic", "description": "a pair of web.credentials"},
    "slack": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Slack-Signature",
        "description": "by slack.signing_secret",
    },
    "pagerduty": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PagerDuty-Signature",
        "description": "by pagerduty.webhook_secret",
    },
}
_SHOWN = {
    Who.OPEN: [],
    Who.SLACK: ["slack"],
    Who.PAGERDUTY: ["pagerduty"],
    Who.INTEGRATION: ["token", "password"],
    Who.SCRAPER: ["token", "password"],
}
"""What those show who need no role."""
_SAID = {
    200: "what was asked for",
    201: "it is stored",
    202: "it is durable",
    204: "done",
    302: "it goes on in another one: see `Location`",
    304: "nothing has changed",
    400: "something is wrong with the request",
    401: "credentials are missing, wrong or expired",
    403: "the role is another one, or another site asks",
    404: "there is nothing of this name",
    409: "it has changed meanwhile: nothing was done",
    410: "it is not kept any more",
    412: "it is another version by now: nothing was done",
    413: "the body is too large",
    415: "the body is compressed",
    431: "an address or a header is too long",
    422: "another request came under this key",
    428: "If-Match is missing: nothing was done",
    429: "too often: the header Retry-After says when",
    502: "Alertmanager refuses, or cannot be reached",
    503: "try again: nothing can be stored or read now",
}


def document(rows: Iterable[Route], version: str, prefix: str) -> Schema:
    """Return the document; ``prefix``: the path before every path of it."""
    shown = [(row, row.spec) for row in rows if row.spec is not None]
    schemas = Schemas(_types(spec for _, spec in shown))
    paths: dict[str, Schema] = {}
    for row, spec in shown:
        path = re.sub(r":[^}]*\}", "}", row.path)
        if row.path == ACTION:
            for name in REGISTRY:
                paths[path.replace("{action}", name)] = {"post": _action(row, spec, name, schemas)}
        else:
            paths.setdefault(path, {})[row.method.lower()] = _operation(row, spec, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LLM Incident Manager",
            "version": version,
            "summary": "Takes Alertmanager's webhooks, and routes incidents.",
        },
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(row.path) for row, _ in shown)],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": SECURITY},
    }


def _types(specs: Iterable[Spec]) -> Iterator[Any]:
    for spec in specs:
        if spec.body is not None:
            yield from spec.body if isinstance(spec.body, tuple) else (spec.body,)
        for answer in spec.answers.values():
            kind = answer.json if isinstance(answer, Media) else answer
            if kind is not None:
                yield from kind if isinstance(kind, tuple) else (kind,)


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "v1" and len(parts) > 1 else "service"


def _operation(row: Route, spec: Spec, schemas: Schemas) -> Schema:
    says = re.sub(r"^[A-Z]+ /[^:\s]*:?\s*", "", row.says)
    summary, _, more = says.partition("\n\n")
    summary = " ".join(summary.split())
    found: Schema = {
        "operationId": f"{row.method.lower()}_{re.sub(r'[^a-z]+', '_', row.path).strip('_')}",
        "tags": [_tag(row.path)],
        "summary": summary[:1].upper() + summary[1:],
        "security": _security(row),
        "responses": _responses(row, spec, schemas),
    }
    if more:
        found["description"] = " ".join(more.split())
    if needed := ROLES.get(row.who):
        found["x-role"] = needed
    if parameters := [*_in_path(row.path), *_in_query(spec), *_in_headers(spec)]:
        found["parameters"] = parameters
    if spec.body is not None:
        found["requestBody"] = _body(spec, schemas.of(spec.body))
    return found


def _body(spec: Spec, schema: Schema) -> Schema:
    if spec.needed:
        filled = {name: {"minLength": 1} for name in spec.needed}
        schema = {"allOf": [schema], "properties": filled, "required": list(spec.needed)}
    return {"content": {"application/json": {"schema": schema}}, "required": bool(spec.needed)}


def _action(row: Route, spec: Spec, name: str, schemas: Schemas) -> Schema:
    """Return one of the actions, which all have one row."""
    action = REGISTRY[name]
    found = _operation(row, spec, schemas)
    found["operationId"] = f"post_incident_{name.replace('-', '_')}"
    found["summary"], found["x-role"] = action.meaning, action.role
    found["description"] = f"{action.note}\n\nResult: {action.answers}".strip()
    found["parameters"] = [one for one in found["parameters"] if one["name"] != "action"]
    body = action_schema(action)
    content = {"application/json": {"schema": body}}
    found["requestBody"] = {"content": content, "required": bool(body["required"])}
    return found


def _security(row: Route) -> list[dict[str, list[str]]]:
    """Return what whoever asks has to show; of a service without credentials: nothing."""
    found: list[dict[str, list[str]]] = [
        {name: []} for name in _SHOWN.get(row.who, ["token", "password"])
    ]
    return [{}, *found] if row.who in ROLES or row.who in _MAY_BE_FREE else found


_MAY_BE_FREE = (Who.OPEN, Who.INTEGRATION, Who.SCRAPER)


def _responses(row: Route, spec: Spec, schemas: Schemas) -> Schema:
    found = {str(status): _answer(status, kind, schemas) for status, kind in spec.answers.items()}
    for status in sorted(_refusals(row, spec)):
        found.setdefault(str(status), _problem(status))
    return dict(sorted(found.items()))


def _refusals(row: Route, spec: Spec) -> Iterator[int]:
    yield from spec.problems
    # Of any address: another site asks, or headers are longer than anybody's.
    yield from (403, 431)
    if row.path.startswith(("/v1/", "/metrics", "/status")):
        yield 503
    if row.who not in INTAKE:
        yield 429
    if row.who is not Who.OPEN:
        yield 401
    if "{" in row.path:
        yield 404
    if not spec.lenient or spec.body is not None:
        yield 400
    if spec.body is not None or row.who in (Who.SLACK, Who.PAGERDUTY):
        yield from (400, 413, 415)


def _answer(status: int, kind: Any, schemas: Schemas) -> Schema:
    found: Schema = {"description": _SAID[status]}
    if isinstance(kind, Media):
        found["content"] = {
            name: {"schema": schemas.of(kind.json) if kind.json else {"type": "string"}}
            if name == "application/json"
            else {"schema": {"type": "string"}}
            for name in kind.types
        }
    elif kind is not None:
        found["content"] = {"application/json": {"schema": schemas.of(kind)}}
    return found


def _problem(status: int) -> Schema:
    content = {CONTENT_TYPE: {"schema": {"$ref": f"{AT}Problem"}}}
    return {"description": _SAID[status], "content": content}


def _in_path(path: str) -> Iterator[Schema]:
    for name in re.findall(r"\{([a-z]+)", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(spec: Spec) -> Iterator[Schema]:
    for parameter in spec.parameters:
        yield _described(parameter) | {"in": "query", "schema": parameter_schema(parameter)}


def _described(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "description": parameter.says,
        "required": parameter.needed,
    }


def _in_headers(spec: Spec) -> Iterator[Schema]:
    for header in spec.headers:
        yield {
            "name": header.name,
            "in": "header",
            "description": header.says,
            "schema": {"type": "string"},
        }


def operations(found: Schema) -> Sequence[tuple[str, str, Schema]]:
    """Return (path, method, operation) of a document, in its order."""
    return [
        (path, method.upper(), operation)
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
