"""What is counted in something else than tokens, and the ids that calls have made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and the table; of calls that were before nobody knows."""
    op.add_column("calls", sa.Column("quantity", sa.BigInteger(), nullable=True))
    op.add_column("calls", sa.Column("unit", sa.String(), nullable=True))
    op.create_table(
        "made",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "user_id", "instance", name=op.f("pk_made")),
    )
    op.create_index(op.f("ix_made_created_at"), "made", ["created_at"], unique=False)
