"""The ASGI application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gaud_core.access import Keys, open_keys
from gaud_core.config import Config
from gaud_core.errors import ApiError, MethodNotAllowed, NotFound, one_line
from gaud_core.gateway.dialects import ENDPOINTS
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.pages import front_door, health, list_models, retrieve_model
from gaud_core.gateway.plugins import Plugin, discover
from gaud_core.gateway.routes import CallRoute
from gaud_core.observe.exchanges import Exchanges

__all__ = ["create_app"]


def create_app(
    config: Config, *, plugins: Sequence[Plugin] | None = None, keys: Keys | None = None
) -> Starlette:
    """Build the application for a configuration; nothing is started before its lifespan begins.

    `plugins` are discovered when not given. `keys` come from the configuration when not given; a key that
    has to be made for the first start is then lost, so `gaud serve` makes it itself and shows it.
    """
    found = discover(os.environ) if plugins is None else plugins
    gateway = Gateway(config, found, open_keys(config)[0] if keys is None else keys)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        try:
            yield
        finally:
            await gateway.stop()

    app = Starlette(
        routes=list(_routes(gateway)),
        middleware=list(_middleware(config)),
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would make clients repeat their POST elsewhere
    app.state.gateway = gateway
    return app


def _routes(gateway: Gateway) -> Sequence[BaseRoute]:
    calls = [(endpoint, CallRoute(gateway, endpoint)) for endpoint in ENDPOINTS]
    return [
        *(Route(f"/v1/{endpoint}", call, methods=["POST"]) for endpoint, call in calls),
        Route("/v1/models", list_models(gateway)),
        Route("/v1/models/{model:path}", retrieve_model(gateway)),
        Route("/health", health(gateway)),
        Route("/", front_door(gateway)),
    ]


def _middleware(config: Config) -> Sequence[Middleware]:
    origins = list(config.server.cors_origins)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["x-request-id", "retry-after", "x-gaud-hint"],
    )
    return [Middleware(Exchanges), *([cors] if origins else [])]


async def _api_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours in OpenAI's envelope."""
    if not isinstance(error, ApiError):
        raise error
    fields = request.scope["gaud.exchange"].fields
    fields.setdefault("error", error.message)
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else {}
    if error.hint:
        headers["x-gaud-hint"] = one_line(error.hint).encode("latin-1", "replace").decode("latin-1")
    return Response(error.body(), error.http_status, headers, media_type="application/json")


async def _http_error(request: Request, error: Exception) -> Response:
    """Put Starlette's own errors into OpenAI's envelope."""
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
