"""`/v1/models` as Anthropic's clients read it (docs.claude.com/en/api/models-list)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gaud_core.errors import BadRequest
from gaud_core.provider import Model

__all__ = ["anthropic_model", "anthropic_page"]

_PER_PAGE = 20
_MOST = 1000


def anthropic_model(name: str, model: Model) -> dict[str, Any]:
    """Give one model, with whatever else its provider says of it."""
    shown = model.extra.get("display_name")
    limits = {"max_input_tokens": model.max_input_tokens, "max_tokens": model.max_output_tokens}
    return {
        **model.extra,
        **{key: value for key, value in limits.items() if value is not None},
        "type": "model",
        "id": name,
        "display_name": shown if isinstance(shown, str) else name,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def anthropic_page(models: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Give the page of a list that `limit`, `after_id` and `before_id` ask for; BadRequest for a bad one."""
    limit = _limit(query.get("limit"))
    ids = [model["id"] for model in models]
    if "before_id" in query:
        end = _place(ids, query["before_id"], "before_id")
        page, more = models[max(0, end - limit) : end], end > limit
    else:
        start = _place(ids, query["after_id"], "after_id") + 1 if "after_id" in query else 0
        page, more = models[start : start + limit], start + limit < len(models)
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"data": list(page), "has_more": more, "first_id": first, "last_id": last}


def _limit(text: str | None) -> int:
    if text is None:
        return _PER_PAGE
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= _MOST):
        raise BadRequest(f"`limit` must be a whole number from 1 to {_MOST}.", param="limit")
    return int(text)


def _place(ids: Sequence[str], wanted: str, name: str) -> int:
    if wanted not in ids:
        raise BadRequest(f"`{name}` names no model of this list: `{wanted[:200]}`.", param=name)
    return ids.index(wanted)
