"""Why a call went to its instance, and when it went out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; of calls that were before nobody knows."""
    op.add_column("calls", sa.Column("chosen_by", sa.String(), nullable=True))
    op.add_column("calls", sa.Column("sent_ms", sa.BigInteger(), nullable=True))
