"""The routes of the admin API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gaud_core.admin.desk import Desk, Operation
from gaud_core.admin.openapi import openapi_document
from gaud_core.admin.operations import operations
from gaud_core.admin.resource import Resource

__all__ = ["admin_routes"]


def admin_routes(desk: Desk) -> Sequence[BaseRoute]:
    """Make one route for each path, so that a 405 names every method that the path has."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations():
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [
        *(Route(path, Resource(desk, found), methods=list(found)) for path, found in by_path.items()),
        Route("/openapi.json", _document),
    ]


async def _document(request: Request) -> Response:
    body = await asyncio.to_thread(openapi_document)  # the first time it takes as long as a hundred calls
    return Response(body, media_type="application/json")
