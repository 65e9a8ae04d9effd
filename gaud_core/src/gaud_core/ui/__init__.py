"""The dashboard: pages that the server renders, with htmx for what changes while one looks.

`routes.py` lists the pages. A page is a function in `pages/` from a `Visit` to a response; who may see it,
the forms' protection and the headers are `endpoint.py`. Templates and static files lie beside.
"""

from __future__ import annotations

from gaud_core.ui.dashboard import Dashboard
from gaud_core.ui.welcome import front

__all__ = ["Dashboard", "front"]
