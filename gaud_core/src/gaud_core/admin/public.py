"""What the OpenAPI document says of the routes outside the admin API; tests hold it against their answers.

Calls pass through Gaud as they are, so only what Gaud itself reads is described.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import attrs
from msgspec import Meta

__all__ = ["ErrorAnswer", "public_classes", "public_paths"]


@attrs.frozen(kw_only=True)
class ErrorDetail:
    """What went wrong: `message` is a sentence, `code` for programs, `param` the part that is meant."""

    message: str
    type: str
    param: str | None
    code: str | None


@attrs.frozen(kw_only=True)
class ErrorAnswer:
    """OpenAI's error envelope."""

    error: ErrorDetail


@attrs.frozen(kw_only=True)
class ModelAnswer:
    """A model, with whatever else its provider says of it."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


@attrs.frozen(kw_only=True)
class ModelList:
    """The models that the key may use."""

    object: Literal["list"]
    data: Sequence[ModelAnswer]


@attrs.frozen(kw_only=True)
class ProviderHealth:
    """One provider instance."""

    name: str
    provider: str | None
    stage: str
    healthy: bool | None
    detail: str | None
    breaker: str
    models: int
    latency_ms: float | None
    last_error: str | None
    last_error_at: str | None


@attrs.frozen(kw_only=True)
class ConfigHealth:
    """Where the configuration stands: with a key the problems in words, else how many there are."""

    applied_at: str | None
    problems: int | Sequence[str]
    waits_for_restart: int | Sequence[str]
    file: str | None = None
    version: str | None = None


@attrs.frozen(kw_only=True)
class HealthAnswer:
    """The gateway and its providers."""

    status: Literal["ok", "degraded"]
    version: str
    config: ConfigHealth
    providers: Sequence[ProviderHealth]


@attrs.frozen(kw_only=True)
class ChatRequest:
    """OpenAI's request; Gaud reads these fields and passes all of them on as they are."""

    model: Annotated[str, Meta(pattern="[^\\s]", description="A name of `/v1/models`.", examples=["gpt-4o"])]
    messages: Sequence[dict[str, Any]]
    stream: bool | None = None


@attrs.frozen(kw_only=True)
class ModelRequest:
    """A request that names a model; all else is the endpoint's own, and passed on as it is."""

    model: Annotated[str, Meta(pattern="[^\\s]", description="A name of `/v1/models`.", examples=["gpt-4o"])]


@attrs.frozen(kw_only=True)
class ChatAnswer:
    """The upstream's answer as it is."""


_JSON_CALLS = (
    ("responses", "create_response", "Ask a model, OpenAI's Responses"),
    ("messages", "create_message", "Ask a model, Anthropic's Messages; errors have Anthropic's shape"),
    ("messages/count_tokens", "count_message_tokens", "Count the tokens of a message"),
    ("completions", "create_completion", "Let a model go on from a text"),
    ("embeddings", "create_embedding", "Make vectors of texts"),
    ("moderations", "create_moderation", "Judge whether a text is harmful"),
    ("rerank", "rerank", "Order documents by their relevance"),
    ("images/generations", "create_image", "Make images"),
    ("audio/speech", "create_speech", "Speak a text"),
)
_FORMS = (
    ("images/edits", "edit_image", "Make images from images"),
    ("images/variations", "vary_image", "Make images like an image"),
    ("audio/transcriptions", "transcribe", "Write down what is said"),
    ("audio/translations", "translate", "Write down in English what is said"),
    ("files", "upload_file", "Upload a file"),
)
_QUESTIONS = (
    ("get", "responses/{id}", "get_response", "Show an answer again"),
    ("delete", "responses/{id}", "delete_response", "Forget an answer"),
    ("post", "responses/{id}/cancel", "cancel_response", "End an answer in the background"),
    ("get", "responses/{id}/input_items", "list_response_input", "List what an answer was made of"),
    ("get", "files", "list_files", "List one's own files"),
    ("get", "files/{id}", "get_file", "Show what is known of a file"),
    ("delete", "files/{id}", "delete_file", "Delete a file"),
    ("get", "files/{id}/content", "get_file_content", "Download a file"),
    ("post", "batches", "create_batch", "Begin a batch"),
    ("get", "batches", "list_batches", "List one's own batches"),
    ("get", "batches/{id}", "get_batch", "Show how far a batch is"),
    ("post", "batches/{id}/cancel", "cancel_batch", "End a batch"),
)


_CHAT = ("create_chat_completion", "Ask a model")
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_FORM_BODY = {"multipart/form-data": {"schema": {"type": "object"}}}


def public_classes() -> Sequence[type]:
    """The classes that `public_paths` refers to."""
    return [ModelList, ModelAnswer, HealthAnswer, ChatRequest, ModelRequest, ChatAnswer]


def public_paths() -> dict[str, Any]:
    """Describe the routes for callers."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    paths: dict[str, Any] = {"/v1/chat/completions": {"post": _call(*_CHAT, _json_body(ChatRequest))}}
    for path, name, summary in _JSON_CALLS:
        paths[f"/v1/{path}"] = {"post": _call(name, summary, _json_body(ModelRequest))}
    for path, name, summary in _FORMS:
        paths[f"/v1/{path}"] = {"post": _call(name, summary, _FORM_BODY)}
    for method, path, name, summary in _QUESTIONS:
        known = {"parameters": [_ID]} if "{id}" in path else {}
        paths.setdefault(f"/v1/{path}", known)[method] = _call(name, summary, None)
    return {
        **paths,
        "/v1/models": {
            "get": _get("list_models", "List the models that the key may use", ModelList, (401, 429, 503))
        },
        "/v1/models/{model}": {
            "parameters": [{**model, "description": "May hold slashes and colons."}],
            "get": _get("get_model", "Show a model", ModelAnswer, (401, 403, 404, 429, 503)),
        },
        "/health": {
            "get": {**_get("get_health", "Show whether all is well", HealthAnswer, ()), "security": [{}]}
        },
    }


def _get(name: str, summary: str, answer: type, errors: Sequence[int]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["gateway"],
        "responses": {
            "200": {"description": summary, "content": {"application/json": _schema(answer)}},
            **_errors(errors),
        },
    }


def _call(name: str, summary: str, body: dict[str, Any] | None) -> dict[str, Any]:
    content = {"application/json": _schema(ChatAnswer), "text/event-stream": {"schema": {"type": "string"}}}
    other = "The upstream's own error, as it is."
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["gateway"],
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": {
            "200": {"description": "The answer, whole or as a stream.", "content": content},
            **_errors((400, 401, 403, 404, 413, 415, 429, 502, 503, 504)),
            "default": {"description": other},
        },
    }


def _json_body(kind: type) -> dict[str, Any]:
    return {"application/json": _schema(kind)}


def _errors(statuses: Sequence[int]) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in statuses}


def _schema(kind: type) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}
