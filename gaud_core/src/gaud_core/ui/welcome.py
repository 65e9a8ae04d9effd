"""The front door: a browser is led to the dashboard, everything else gets the JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

__all__ = ["front"]

Endpoint = Callable[[Request], Awaitable[Response]]


def front(otherwise: Endpoint) -> Endpoint:
    """Lead who names `text/html` as what he accepts to the dashboard; `*/*` alone is a program's."""

    async def endpoint(request: Request) -> Response:
        accepted = ",".join(request.headers.getlist("accept")).lower()
        if "text/html" in accepted:
            return RedirectResponse("/ui/dashboard", 303, {"vary": "accept"})
        answer = await otherwise(request)
        answer.headers["vary"] = "accept"
        return answer

    return endpoint
