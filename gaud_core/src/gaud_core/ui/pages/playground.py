"""The playground: chat with any model that one may use, by the same way as every call."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import attrs
from starlette.responses import Response

from gaud_core.errors import ApiError
from gaud_core.ledger.usage import read_call
from gaud_core.ui.calling import inner_call
from gaud_core.ui.pages.models import catalogue
from gaud_core.ui.story import story_of
from gaud_core.ui.visit import Visit

__all__ = ["chat", "outcome", "show"]

_MOST_LISTED = 2000


async def show(visit: Visit) -> Response:
    """Show the page."""
    names = [entry.name for entry in catalogue(visit)][:_MOST_LISTED]
    wanted = visit.asked("model")
    chosen = wanted if wanted in names else (names[0] if names else "")
    return await visit.page("playground.html", names=names, chosen=chosen)


@attrs.frozen(eq=False)
class _Chat:
    """An answer that is the gateway's own: checked, limited, booked and streamed like a program's call."""

    visit: Visit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Make the call; what is refused is told in OpenAI's envelope."""
        length = self.visit.request.headers.get("content-length", "").encode("ascii", "ignore")
        try:
            await inner_call(self.visit, receive, send, length)
        except ApiError as error:
            self.visit.request.scope["gaud.exchange"].fields.setdefault("error", error.message)
            answer = Response(error.body(), error.http_status, media_type="application/json")
            if error.retry_after is not None:
                answer.headers["retry-after"] = str(error.retry_after)
            await answer(scope, receive, send)


async def chat(visit: Visit) -> _Chat:
    """Hand the call on."""
    return _Chat(visit)


async def outcome(visit: Visit) -> Response:
    """Show what a call took and cost, once its answer is there."""
    row = await visit.off(read_call, visit.site.store, visit.id, visit.own)
    return await visit.page("parts/outcome.html", row=row, story=story_of(row, visit.site.gateway))
