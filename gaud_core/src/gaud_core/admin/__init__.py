"""The admin REST API: users, keys, budgets, usage, the audit log, and an OpenAPI document of it all.

`operations.py` lists what there is. Each operation names the class of its query, of its body and of its
answer: requests are checked against them and the document is written from them, so it cannot drift.
`resource.py` is the way of a request, the modules named after resources are what each operation does.
"""

from __future__ import annotations

from gaud_core.admin.desk import Desk
from gaud_core.admin.routes import admin_routes

__all__ = ["Desk", "admin_routes"]
