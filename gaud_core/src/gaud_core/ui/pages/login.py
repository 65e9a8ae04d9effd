"""Signing in with a key, signing out, and light or dark."""

from __future__ import annotations

import re

from starlette.responses import Response

from gaud_core.access import Identity
from gaud_core.errors import ApiError, BadRequest, InvalidKey
from gaud_core.ui.visit import Visit

__all__ = ["change_theme", "show", "sign_in", "sign_out"]

_OURS = re.compile(r"/ui/[A-Za-z0-9/_.:@-]*")
_LONGEST_KEY = 1024
_YEAR = 365 * 24 * 3600


async def show(visit: Visit) -> Response:
    """Show the form; who is signed in already need not see it."""
    if visit.identity is not None:
        return visit.go(_next(visit.asked("next")))
    return await visit.page("login.html", next=_next(visit.asked("next")))


async def sign_in(visit: Visit) -> Response:
    """Begin a session; wrong keys are slowed down as at the door, and told nothing."""
    back = _next(visit.form.text("next"))
    try:
        identity = await _identity(visit)
    except ApiError as error:
        answer = await visit.page("login.html", error.http_status, error=error, next=back)
        if error.retry_after is not None:
            answer.headers["retry-after"] = str(error.retry_after)
        return answer
    return visit.keep(visit.go(back), visit.sessions.signed_in(identity))


async def _identity(visit: Visit) -> Identity:
    door, text = visit.site.gateway.door, visit.form.text("key")
    if not text:
        raise BadRequest("Paste your key; it begins with sk-prx-.", param="key")
    found = await door.ring.find(text.encode()[:_LONGEST_KEY], fresh=True)
    if found is None:
        await door.patience.wrong_key(door.proxies.client(visit.request.scope))
        raise InvalidKey("This key is not valid. Check that all of it was copied, or ask an administrator.")
    return found


async def sign_out(visit: Visit) -> Response:
    """End the session in this browser."""
    return visit.keep(visit.go("/ui/login", "signed-out"), visit.sessions.anonymous())


async def change_theme(visit: Visit) -> Response:
    """Turn from what the system wants to light, to dark, and back; without a script, by a cookie."""
    theme = visit.form.text("theme")
    answer = visit.go(_next(visit.form.text("next")))
    if theme in {"light", "dark"}:
        answer.set_cookie("gaud_theme", theme, max_age=_YEAR, path="/ui", httponly=True, samesite="strict")
    else:
        answer.delete_cookie("gaud_theme", path="/ui")
    return answer


def _next(path: str) -> str:
    """Give a path of ours and nothing else: an address from outside must not lead away."""
    fits = _OURS.fullmatch(path) and "//" not in path and not path.startswith("/ui/login")
    return path if fits else "/ui/dashboard"
