"""Error answers in the caller's dialect: Anthropic's on Anthropic's routes, OpenAI's on all others."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

from gaud_core.errors import ApiError, one_line, with_hint

__all__ = ["anthropic_body", "error_answer"]

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = frozenset({"messages", "v1/messages"})
_MODELS = frozenset({"models", "v1/models"})


def anthropic_body(error: ApiError, request_id: str = "") -> bytes:
    """Anthropic's error envelope (docs.claude.com/en/api/errors), ready to send."""
    status = error.http_status
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    message = one_line(with_hint(str(error.message), error.hint))
    envelope: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}}
    if request_id:
        envelope["request_id"] = request_id
    return json.dumps(envelope, ensure_ascii=False).encode()


def error_answer(
    error: ApiError, scope: MutableMapping[str, Any], request_id: str
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the answer that an error becomes, as who asks for this path expects it."""
    headers = {"content-type": "application/json"}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.hint:
        headers["x-gaud-hint"] = one_line(error.hint).encode("latin-1", "replace").decode("latin-1")
    if not _speaks_anthropic(scope):
        return headers, error.body()
    headers["request-id"] = request_id  # where Anthropic's SDKs look for it
    return headers, anthropic_body(error, request_id)


def _speaks_anthropic(scope: MutableMapping[str, Any]) -> bool:
    path = scope["path"].strip("/")
    if _below(path, _MESSAGES):
        return True
    return _below(path, _MODELS) and any(name == b"anthropic-version" for name, _ in scope["headers"])


def _below(path: str, roots: frozenset[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
