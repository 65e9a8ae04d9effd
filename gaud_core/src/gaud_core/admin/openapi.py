"""The OpenAPI 3.1 document, written from the classes that requests are checked against."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgspec

from gaud_core._version import __version__
from gaud_core.admin.desk import Operation
from gaud_core.admin.money import MOST_DOLLARS, Amount, Usd
from gaud_core.admin.operations import operations
from gaud_core.admin.public import ErrorAnswer, public_classes, public_paths
from gaud_core.admin.reading import named

__all__ = ["openapi_document"]

_ALWAYS: Final = (400, 401, 403, 429, 503)
_WITH_BODY: Final = (413, 415)
_ERRORS: Final = {
    400: "The request cannot be used; the message says why.",
    401: "No key, or one that is not valid.",
    403: "The key is good, but not for this.",
    404: "There is no such thing.",
    409: "The name is taken, a variable holds the setting, or the file has changed meanwhile.",
    413: "The body is too long.",
    415: "The body is of another type, or compressed.",
    429: "A limit or a budget is reached, or too many wrong keys came from this address.",
    502: "The upstream failed.",
    503: "The upstream is known to be down, or Gaud cannot use its database.",
    504: "The upstream did not answer in time.",
}
_JSON: Final = "application/json"
_REQUEST_ID: Final = {
    "x-request-id": {
        "description": "The id of the request, also in Gaud's log.",
        "required": True,
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER: Final = {
    "retry-after": {
        "description": "Seconds until it is worth asking again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    }
}


@functools.cache
def openapi_document() -> bytes:
    """Write the document as JSON, when it is asked for the first time: no start waits for it."""
    found = operations()
    bodies = [operation.body for operation in found if operation.body]
    answers = [operation.answer for operation in found if operation.answer]
    schemas = _schemas([*bodies, *answers, ErrorAnswer, *public_classes()])
    for body in bodies:
        schemas[body.__name__]["additionalProperties"] = False
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Gaud",
            "version": __version__,
            "description": "An OpenAI-compatible gateway for many users and many LLM upstreams.",
        },
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": {**public_paths(), **_paths(found)},
        "components": {
            "schemas": schemas,
            "responses": {f"Error{status}": _error(status) for status in _ERRORS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Your Gaud key, `sk-prx-...`."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }
    return msgspec.json.encode(document)


def _paths(found: Sequence[Operation]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in found:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    errors = sorted({*_ALWAYS, *operation.errors, *(_WITH_BODY if operation.body else ())})
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[2]],
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": {
            str(operation.status): _answer(operation),
            **{str(status): {"$ref": f"#/components/responses/Error{status}"} for status in errors},
        },
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _ref(operation.body)}}}
    return described


def _answer(operation: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary, "headers": _REQUEST_ID}
    if operation.answer:
        text = {"schema": {"type": "string"}}
        answer["content"] = {
            kind: {"schema": _ref(operation.answer)} if kind == _JSON else text
            for kind in operation.media_types
        }
    return answer


def _error(status: int) -> dict[str, Any]:
    headers = {**_REQUEST_ID, **(_RETRY_AFTER if status in {429, 503} else {})}
    content = {_JSON: {"schema": _ref(ErrorAnswer)}}
    return {"description": _ERRORS[status], "headers": headers, "content": content}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [piece[1:-1] for piece in path.split("/") if piece.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(query: type | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = _schemas([query])[query.__name__]
    return [
        {
            "name": named(name),
            "in": "query",
            "required": name in schema["required"],
            "schema": schema["properties"][name],
        }
        for name in [field.name for field in attrs.fields(query)]
    ]


def _schemas(classes: Sequence[type]) -> dict[str, dict[str, Any]]:
    _, schemas = msgspec.json.schema_components(
        classes, schema_hook=_money, ref_template="#/components/schemas/{name}"
    )
    return schemas


def _money(kind: type) -> dict[str, Any]:
    if kind is Usd:
        return {"type": "number"}
    if kind is Amount:
        number = {"type": "number", "minimum": 0, "maximum": MOST_DOLLARS}
        text = {"type": "string", "pattern": "^[0-9]{1,9}([.][0-9]{1,9})?$"}
        return {"anyOf": [number, text], "description": "US dollars, exact to nine decimals."}
    raise NotImplementedError(f"{kind} has no schema")


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
