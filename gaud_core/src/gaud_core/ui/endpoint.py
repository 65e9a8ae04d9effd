"""One path of the dashboard: who asks, whether he may, whether the form is ours, the page, its headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Literal
from urllib.parse import quote

import attrs
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from gaud_core.access import Identity
from gaud_core.access.listing import get_user
from gaud_core.errors import ApiError, InvalidKey, NotAllowed, NotFound
from gaud_core.gateway.delivery import Send
from gaud_core.gateway.presence import ClientLeft, Receive
from gaud_core.ui.forms import Form, read_form
from gaud_core.ui.session import COOKIE, Session, Sessions
from gaud_core.ui.site import Site
from gaud_core.ui.visit import Visit

__all__ = ["HEADERS", "Endpoint", "Page"]

Scope = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Handle = Callable[[Visit], Awaitable[App]]

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", _POLICY),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_NAMES: Final = {name for name, _ in HEADERS}
_CLIENT_LEFT = 499
_KEY_HEADERS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key"})
_NOT_OURS = "This form did not come from a page of your session. Reload the page and send it again."


@attrs.frozen
class Page:
    """One method of one path. `who` may see it; `renews` is false for what a page asks for by itself."""

    method: Literal["GET", "POST"]
    path: str
    handle: Handle
    who: Literal["anybody", "member", "admin"] = "admin"
    renews: bool = True
    json: bool = False
    """Whether a program of the page asks: it gets errors as JSON, and its body is the handler's business."""


@attrs.frozen(eq=False)
class Endpoint:
    """An ASGI endpoint for one path, with a page for each method."""

    site: Site
    pages: Mapping[str, Page]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what goes wrong is a page too."""
        request = Request(scope, receive)

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                theirs = [pair for pair in message.get("headers", ()) if pair[0] not in _NAMES]
                message["headers"] = [*theirs, *HEADERS]
            await send(message)

        try:
            page = self.pages["GET" if request.method == "HEAD" else request.method]
            answer = await self._answer(request, page)
            await answer(scope, receive, send_safely)
        except (ClientLeft, ClientDisconnect):
            scope["gaud.exchange"].status = _CLIENT_LEFT

    async def _answer(self, request: Request, page: Page) -> App:
        sessions = await self.site.sessions()
        session = sessions.read(request.cookies.get(COOKIE))
        visit = Visit(self.site, request, sessions, session or sessions.anonymous(), None)
        try:
            identity = await self._identity(request, sessions, session)
            if session is not None and session.is_signed_in and (identity is None or identity.key is None):
                session = None  # its key has ended
                visit = attrs.evolve(visit, session=sessions.anonymous())
            visit = attrs.evolve(visit, identity=identity, name=await self._name(visit, identity))
            answer = await self._admitted(visit, page, session)
        except ApiError as error:
            answer = await _failed(visit, page, error)
        kept = session and page.renews and sessions.renewed(session)
        if isinstance(answer, Response) and (kept or session is None) and COOKIE not in _set_by(answer):
            visit.keep(answer, kept or visit.session)
        return answer

    async def _admitted(self, visit: Visit, page: Page, session: Session | None) -> App:
        if visit.identity is None and page.who != "anybody":
            return _to_login(visit, page)
        if page.method == "POST":
            form = Form() if page.json else await read_form(visit.request)
            _refuse_foreign(visit, form, session)
            visit = attrs.evolve(visit, form=form)
        if page.who == "admin" and not visit.is_admin:
            raise NotAllowed("This page is for administrators.", code="admin_required")
        return await page.handle(visit)

    async def _identity(
        self, request: Request, sessions: Sessions, session: Session | None
    ) -> Identity | None:
        """Say who asks: by the session's key, by his certificate, or anybody where keys are switched off."""
        door = self.site.gateway.door
        door.certificate(request.scope)
        if session is not None and session.is_signed_in:
            sealed = session
            found = await door.ring.find_again(session.key_id, lambda digest: sessions.is_of(sealed, digest))
            if found is not None:
                return found
        bare = [pair for pair in request.scope["headers"] if pair[0] not in _KEY_HEADERS]
        try:
            return await door.identify({**request.scope, "headers": bare}, fresh=True)
        except InvalidKey:
            return None

    async def _name(self, visit: Visit, identity: Identity | None) -> str:
        if identity is None or identity.user_id is None:
            return ""
        try:
            return (await visit.off(get_user, self.site.store, identity.user_id)).name
        except NotFound:  # deleted in this very moment
            return ""


def _refuse_foreign(visit: Visit, form: Form, session: Session | None) -> None:
    """Refuse what another site may have made the browser send."""
    site = visit.request.headers.get("sec-fetch-site", "same-origin")
    token = visit.request.headers.get("x-csrf-token") or form.text("csrf")
    if session is None or site not in {"same-origin", "none"} or not visit.sessions.is_csrf(session, token):
        raise NotAllowed(_NOT_OURS, code="foreign_form")


def _to_login(visit: Visit, page: Page) -> Response:
    """Lead to the sign-in, and from there back to a page that was only looked at."""
    back = visit.request.url.path if page.method == "GET" and page.renews else ""
    over = "&said=session-over" if visit.request.cookies.get(COOKIE) and not back else ""
    where = f"/ui/login?next={quote(back)}{over}" if back or over else "/ui/login"
    if visit.is_htmx:
        return Response(status_code=401, headers={"hx-redirect": where})
    if page.json:
        error = InvalidKey("Your session has ended. Sign in again.", code="session_over")
        return Response(error.body(), 401, media_type="application/json")
    return RedirectResponse(where, 303)


async def _failed(visit: Visit, page: Page, error: ApiError) -> Response:
    visit.request.scope["gaud.exchange"].fields.setdefault("error", error.message)
    if page.json:
        return Response(error.body(), error.http_status, media_type="application/json")
    template = "parts/failed.html" if visit.is_htmx else "error.html"
    answer = await visit.page(template, error.http_status, error=error)
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _set_by(answer: Response) -> set[str]:
    """Give the names of the cookies that an answer sets already."""
    return {value.partition("=")[0] for value in answer.headers.getlist("set-cookie")}
