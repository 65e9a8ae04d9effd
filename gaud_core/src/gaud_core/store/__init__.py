"""Where everything lasting is kept: one schema, SQLite by default.

`open_store` is the way in. `schema.py` holds the tables, `sqlite.py` every statement that only SQLite knows,
`migrations/` the way from each older schema to this one.
"""

from __future__ import annotations

from gaud_core.store.clock import Clock, new_id, utc_millis
from gaud_core.store.database import (
    HastyConnection,
    Store,
    hasty_connection,
    open_store,
    store_failed,
    usable,
)
from gaud_core.store.prepared import Prepared, PreparedIn
from gaud_core.store.sqlite import adding, ignoring

__all__ = [
    "Clock",
    "HastyConnection",
    "Prepared",
    "PreparedIn",
    "Store",
    "adding",
    "hasty_connection",
    "ignoring",
    "new_id",
    "open_store",
    "store_failed",
    "usable",
    "utc_millis",
]
