"""One request to the dashboard, with who makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

import attrs
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gaud_core.access import Identity
from gaud_core.errors import BadRequest, BooksClosed
from gaud_core.store import store_failed
from gaud_core.ui.forms import Form
from gaud_core.ui.navigation import menu
from gaud_core.ui.notices import NOTICES
from gaud_core.ui.session import COOKIE, Session, Sessions
from gaud_core.ui.site import Site

__all__ = ["Visit"]

P = ParamSpec("P")
T = TypeVar("T")

_THEMES = ("light", "dark")
_MOST_PAGE = 1_000_000


@attrs.frozen(eq=False)
class Visit:
    """What a page has to work with; `identity` is None only on pages that are open to anybody."""

    site: Site
    request: Request
    sessions: Sessions
    session: Session
    identity: Identity | None
    name: str = ""
    form: Form = attrs.field(factory=Form)

    @property
    def actor(self) -> str:
        """Who makes a change, as the audit log names him."""
        return (self.identity.user_id if self.identity else None) or "anybody"

    @property
    def is_admin(self) -> bool:
        """Whether everything is open to him."""
        return self.identity is not None and self.identity.is_admin

    @property
    def own(self) -> str | None:
        """Whose calls and keys he may see alone; None for an administrator, who sees all."""
        return None if self.is_admin else self.actor

    @property
    def is_htmx(self) -> bool:
        """Whether only a part of the page is wanted."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def id(self) -> str:
        """The last part of the path that the route leaves open."""
        return str(next(iter(self.request.path_params.values()), ""))

    @property
    def is_secure(self) -> bool:
        """Whether the browser speaks TLS, with us or with a proxy that we trust."""
        scope, proxies = self.request.scope, self.site.gateway.door.proxies
        told = self.request.headers.get("x-forwarded-proto", "") if proxies.is_trusted(scope) else ""
        return "https" in (scope.get("scheme"), told.split(",")[-1].strip().lower())

    def asked(self, name: str, usual: str = "") -> str:
        """Give a parameter of the address."""
        return self.request.query_params.get(name, usual).strip()

    def page_number(self) -> int:
        """Give which page of a list is wanted."""
        text = self.asked("page", "1")
        return min(max(int(text), 1), _MOST_PAGE) if text.isascii() and text.isdigit() else 1

    async def off(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that blocks in a thread; BooksClosed when the database cannot be used."""
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except Exception as error:
            if store_failed(error):
                raise BooksClosed("Gaud cannot use its database at the moment.", retry_after=5) from None
            raise

    async def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Give a whole page or a part of one."""
        theme = self.request.cookies.get("gaud_theme", "")
        path = self.request.url.path
        common = {
            "visit": self,
            "signed_in": self.identity is not None,
            "name": self.name,
            "is_admin": self.is_admin,
            "csrf": self.sessions.csrf(self.session),
            "theme": theme if theme in _THEMES else "auto",
            "menu": menu(path, is_admin=self.is_admin) if self.identity else (),
            "path": path,
            "now": self.site.now(),
            "notice": NOTICES.get(self.asked("said"), ""),
            "auth_off": self.identity is not None and self.identity.key is None,
            "error": None,
        }
        return HTMLResponse(await self.site.renderer.render(template, common | values), status)

    def go(self, path: str, said: str = "", **query: str) -> Response:
        """Lead to another page, which says what has been done."""
        given = query | ({"said": said} if said else {})
        return RedirectResponse(f"{path}?{urlencode(given)}" if given else path, 303)

    async def again(self, error: BadRequest, template: str, **values: Any) -> Response:
        """Show a form once more, as it was filled in, with what is wrong."""
        return await self.page(template, error.http_status, error=error, form=self.form, **values)

    def keep(self, response: Response, session: Session) -> Response:
        """Put a session into the browser's cookie."""
        response.set_cookie(
            COOKIE,
            self.sessions.written(session),
            path="/ui",
            secure=self.is_secure,
            httponly=True,
            samesite="strict",
        )
        return response
