"""The routes of the admin API, whose operations are loaded when the first of them is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from gaud_core.admin.desk import Desk
from gaud_core.gateway.later import Later

if TYPE_CHECKING:
    from gaud_core.admin.desk import Operation

__all__ = ["admin_routes"]


def admin_routes(desk: Desk) -> Sequence[BaseRoute]:
    """Give the paths below which the API is."""
    api = Later(partial(_load, desk))
    return [Route("/admin/{rest:path}", api), Route("/openapi.json", api)]


def _load(desk: Desk) -> Router:
    """Make one route for each path, so that a 405 names every method that the path has."""
    from gaud_core.admin.operations import operations
    from gaud_core.admin.resource import Resource

    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations():
        by_path.setdefault(operation.path, {})[operation.method] = operation
    routes = [Route(path, Resource(desk, found), methods=list(found)) for path, found in by_path.items()]
    return Router([*routes, Route("/openapi.json", _document)], redirect_slashes=False)


async def _document(request: Request) -> Response:
    from gaud_core.admin.openapi import openapi_document

    body = await asyncio.to_thread(openapi_document)  # the first time it takes as long as a hundred calls
    return Response(body, media_type="application/json")
