"""The dashboard as one ASGI application, of which nothing is loaded before somebody looks at it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.gateway.delivery import Send
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.later import Later
from gaud_core.gateway.presence import Receive
from gaud_core.store import Store

if TYPE_CHECKING:
    from starlette.routing import Router

    from gaud_core.ui.site import Site

__all__ = ["Dashboard"]


@attrs.define(eq=False)
class Dashboard:
    """Serves everything below `/ui`."""

    gateway: Gateway
    store: Store
    _site: Site | None = None
    _pages: Later = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pages = Later(self._load)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._pages(scope, receive, send)

    async def stop(self) -> None:
        """End what pages have begun."""
        if self._site is not None:
            await self._site.logins.stop()

    def _load(self) -> Router:
        from starlette.routing import Router

        from gaud_core.ui.routes import ui_routes
        from gaud_core.ui.site import Site

        self._site = Site(self.gateway, self.store)
        return Router(ui_routes(self._site), redirect_slashes=False)
