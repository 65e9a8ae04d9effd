"""A part of Gaud that is loaded when somebody asks for it: a gateway that is only called pays for none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.gateway.delivery import Send
from gaud_core.gateway.presence import Receive

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.routing import Router

__all__ = ["Later"]


@attrs.define(eq=False)
class Later:
    """An ASGI application around a router that `load` imports and makes, once and in a thread."""

    load: Callable[[], Router]
    _router: Router | None = None
    _loading: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request; the first one waits for the import, the calls beside it do not."""
        async with self._loading:
            if self._router is None:
                self._router = await asyncio.to_thread(self.load)
        await self._router({**scope, "path_params": {}}, receive, send)
