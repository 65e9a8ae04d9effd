"""Which web pages may call Gaud from a browser, as the configuration says at the moment."""

from __future__ import annotations

from typing import Any

import attrs
from starlette.middleware.cors import CORSMiddleware

from gaud_core.gateway.bridging import BRIDGE_HEADERS
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.limits import LIMIT_HEADERS
from gaud_core.observe.exchanges import App, Receive, Scope, Send

__all__ = ["LiveCORS"]


@attrs.define
class LiveCORS:
    """Starlette's middleware, made anew when `server.cors_origins` changes; none at all without origins."""

    app: App
    gateway: Gateway
    _origins: tuple[str, ...] = ()
    _inner: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        origins = self.gateway.config.server.cors_origins
        if origins is not self._origins:
            self._origins, self._inner = origins, self._made(origins) if origins else None
        await (self._inner or self.app)(scope, receive, send)

    def _made(self, origins: tuple[str, ...]) -> CORSMiddleware:
        app: Any = self.app
        return CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", "x-gaud-hint", *BRIDGE_HEADERS, *LIMIT_HEADERS],
        )
