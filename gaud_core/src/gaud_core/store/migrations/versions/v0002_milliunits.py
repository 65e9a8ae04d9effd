"""What a call has taken of a subscription's allowance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; of calls that were before nobody knows."""
    op.add_column("calls", sa.Column("milliunits", sa.BigInteger(), nullable=True))
