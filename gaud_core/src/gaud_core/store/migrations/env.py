"""Alembic's entry: runs the revisions in the transaction that `migrate.py` has begun."""

from __future__ import annotations

from alembic import context

from gaud_core.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
