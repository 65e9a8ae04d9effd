"""What is not there."""

from __future__ import annotations

from starlette.responses import Response

from gaud_core.errors import NotFound
from gaud_core.ui.visit import Visit

__all__ = ["show"]


async def show(visit: Visit) -> Response:
    """Say that there is no such page."""
    raise NotFound("There is no such page.")
