"""The state of a call is checked by comparisons: for a list SQLite makes a table at each change of a row."""

from __future__ import annotations

from alembic import op

from gaud_core.store.sqlite import rewrite_schema

revision = "0006"
down_revision = "0005"

_LISTED = "state IN ('open', 'settled', 'lost')"
_COMPARED = "state = 'open' OR state = 'settled' OR state = 'lost'"


def upgrade() -> None:
    """Change the text of the constraint, and no row."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        rewrite_schema(connection, "calls", _LISTED, _COMPARED)
