"""The ASGI application."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gaud_core.access import Identity, People, bootstrap
from gaud_core.admin import Desk, admin_routes
from gaud_core.config import Config
from gaud_core.errors import ApiError, MethodNotAllowed, NotFound
from gaud_core.gateway.dialects import ENDPOINTS, FORMS, WITHOUT_MODEL
from gaud_core.gateway.dialects.envelope import error_answer
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin, discover, is_strict
from gaud_core.gateway.objects.routes import OBJECT_ROUTES, ObjectRoute
from gaud_core.gateway.pages import front_door, health, list_models, realtime, retrieve_model
from gaud_core.gateway.routes import CallRoute
from gaud_core.gateway.uploads.routes import FormRoute
from gaud_core.observe.cors import LiveCORS
from gaud_core.observe.exchanges import Exchanges
from gaud_core.observe.logs import change_logging, mask_too
from gaud_core.observe.metrics import Meter, keep_published, metrics_page
from gaud_core.store import Store, open_store
from gaud_core.ui import Dashboard, front

__all__ = ["create_app"]

_JSON = [one for one in ENDPOINTS if one not in FORMS | WITHOUT_MODEL]
_PREFIXES = ("/v1/", "/")
_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

log = logging.getLogger("gaud")


def create_app(
    config: Config,
    *,
    plugins: Sequence[Plugin] | None = None,
    store: Store | None = None,
    meter: Meter | None = None,
) -> Starlette:
    """Build the application for a configuration; nothing is started before its lifespan begins.

    `plugins` are discovered when not given. The configured database is opened when no `store` is given.
    Several workers give a `meter` each, on a common board.
    """
    found = discover(os.environ) if plugins is None else plugins
    opened = _open(config) if store is None else store
    gateway = Gateway(config, found, opened, strict=is_strict(os.environ))
    calls = {one: CallRoute(gateway, one) for one in _JSON}
    parts = _Parts(gateway, opened, meter or Meter(), Dashboard(gateway, opened), calls)
    app = _Application(
        routes=list(parts.routes()),
        middleware=list(parts.middleware()),
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
        lifespan=parts.lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would make clients repeat their POST elsewhere
    gateway.preparing.append(lambda config: mask_too(config.secrets()))
    gateway.changed.append(lambda config: change_logging(config.logging.level, as_json=config.logging.json))
    app.state.gateway = gateway
    app.state.settings_desk = gateway.desk
    return app


@attrs.frozen
class _Parts:
    """What the application is made of."""

    gateway: Gateway
    store: Store
    meter: Meter
    dashboard: Dashboard
    calls: Mapping[str, CallRoute]

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Start everything, and stop it in the other order."""
        await self.gateway.start()
        publishing = asyncio.create_task(keep_published(self.meter))
        try:
            yield
        finally:
            publishing.cancel()
            self.meter.publish()
            await self.dashboard.stop()
            await self.gateway.stop()
            self.store.close()

    def routes(self) -> Sequence[BaseRoute]:
        """Give every path that is served."""
        gateway = self.gateway
        administrator = _administrator(gateway)
        desk = Desk(People(self.store), self.store, administrator, gateway_settings=gateway.desk)
        return [
            *_both([(endpoint, app, ["POST"]) for endpoint, app in self.calls.items()]),
            *_both([(one, FormRoute(gateway, one), ["POST"]) for one in sorted(FORMS)]),
            *_both([(one.path, ObjectRoute(gateway, one), one.methods) for one in OBJECT_ROUTES]),
            *_both([("models", list_models(gateway), ["GET"]), ("realtime", realtime, _ALL_METHODS)]),
            *_both([("models/{model:path}", retrieve_model(gateway), ["GET"])]),
            Route("/health", health(gateway)),
            Route("/metrics", metrics_page(gateway, self.meter)),
            Route("/", front(front_door(gateway))),
            *admin_routes(desk),
            Route("/ui", self.dashboard),
            Route("/ui/{rest:path}", self.dashboard),
        ]

    def middleware(self) -> Sequence[Middleware]:
        """Give what stands around every path, the outermost first."""
        calls = {f"{prefix}{endpoint}": endpoint for endpoint in ENDPOINTS for prefix in _PREFIXES}
        short = {f"{prefix}{endpoint}": app for endpoint, app in self.calls.items() for prefix in _PREFIXES}
        return [
            Middleware(Exchanges, meter=self.meter, calls=calls, short=short, is_plain=self._is_plain),
            Middleware(LiveCORS, gateway=self.gateway),
        ]

    def _is_plain(self) -> bool:
        """Whether nothing stands around calls but `Exchanges`."""
        return not self.gateway.current.config.server.cors_origins


class _Application(Starlette):
    """Starlette without its own outermost middleware, whose work `Exchanges` does."""

    def build_middleware_stack(self) -> ASGIApp:
        """Leave it out."""
        whole = super().build_middleware_stack()
        return whole.app if isinstance(whole, ServerErrorMiddleware) else whole


def _open(config: Config) -> Store:
    """Open the database for another server than `gaud serve`, which makes the first key itself to show it."""
    opened = open_store(config)
    if config.auth.enabled and bootstrap(opened, config) is not None:
        log.warning("an administrator's key was made that nobody has seen: make one with `gaud keys create`")
    return opened


def _both(served: Sequence[tuple[str, Any, Sequence[str]]]) -> Iterator[BaseRoute]:
    """Serve paths below `/v1/`, and without it: some clients have it in their base URL, and others not."""
    for prefix in _PREFIXES:
        for path, endpoint, methods in served:
            yield Route(f"{prefix}{path}", endpoint, methods=methods)


def _administrator(gateway: Gateway) -> Callable[[MutableMapping[str, Any]], Awaitable[Identity]]:
    """Ask the door, which is there once the gateway has started."""

    async def administrator(scope: MutableMapping[str, Any]) -> Identity:
        return await gateway.door.administrator(scope)

    return administrator


async def _api_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours in the caller's envelope."""
    if not isinstance(error, ApiError):
        raise error
    exchange = request.scope["gaud.exchange"]
    exchange.fields.setdefault("error", error.message)
    headers, body = error_answer(error, request.scope, exchange.id)
    return Response(body, error.http_status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    """Put Starlette's own errors into the caller's envelope."""
    if not isinstance(error, HTTPException):
        raise error
    method, path = request.method, request.url.path[:200]
    told: ApiError = NotFound(f"There is no {path} here; GET / says what there is.")
    if error.status_code == 405:
        told = MethodNotAllowed(f"{path} does not take {method}.")
    elif error.status_code != 404:
        told = ApiError(str(error.detail), status=error.status_code)
    answer = await _api_error(request, told)
    answer.headers.update(error.headers or {})
    return answer
