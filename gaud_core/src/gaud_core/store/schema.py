"""The tables. Times are whole milliseconds since 1970 in UTC, money is whole nano-dollars (10⁻⁹ USD)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
)

__all__ = ["METADATA", "audit", "budgets", "calls", "keys", "made", "spend", "users", "windows", "workers"]

# SQLite and PostgreSQL name constraints differently on their own, and a migration must know the names.
_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

METADATA: Final = MetaData(naming_convention=_NAMES)

users: Final = Table(
    "users",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String, CheckConstraint("role IN ('admin', 'member')", name="role"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
)

_PRESENT: Final = users.c.deleted_at.is_(None)
# The migrations make the indexes, on PostgreSQL as well; to name its condition here would load its dialect
# at each start, which takes 60 ms.
Index("uq_users_name", users.c.name, unique=True, sqlite_where=_PRESENT)

keys: Final = Table(
    "keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("user_id", String, ForeignKey("users.id"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    # The digest before the last rotation: the same key with the same counters, until its grace is over.
    Column("previous_digest", LargeBinary, unique=True),
    Column("previous_until", BigInteger),
    Column("prefix", String, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("models", Text, nullable=False),  # a JSON list of globs; an empty one allows every model
    Column("rpm", BigInteger),
    Column("tpm", BigInteger),
    Column("concurrency", BigInteger),
)

budgets: Final = Table(
    "budgets",
    METADATA,
    Column("user_id", String, ForeignKey("users.id"), primary_key=True),
    Column("daily_nanos", BigInteger),
    Column("monthly_nanos", BigInteger),
)

# `pruned_nanos` is the part of `spent_nanos` whose rows retention has deleted: verify needs it.
spend: Final = Table(
    "spend",
    METADATA,
    Column("user_id", String, primary_key=True),
    Column("period", String, primary_key=True),  # `2026-11-23` or `2026-11`
    Column("spent_nanos", BigInteger, nullable=False),
    Column("reserved_nanos", BigInteger, nullable=False),
    Column("pruned_nanos", BigInteger, nullable=False),
    sqlite_with_rowid=False,  # a change touches one page, and not one of the index as well
)

# A second and not a minute: so the limits hold in any 60 seconds, and not twice around a full minute.
windows: Final = Table(
    "windows",
    METADATA,
    Column("key_id", String, primary_key=True),
    Column("second", BigInteger, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

calls: Final = Table(
    "calls",
    METADATA,
    Column("id", String, primary_key=True),
    Column("worker", String, nullable=False),
    Column("user_id", String),
    Column("key_id", String),
    Column("instance", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", Text, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("on_disconnect", String, nullable=False),
    Column(
        "state",
        String,
        # no list: SQLite would make a table of it each time that a call is booked or settled
        CheckConstraint("state = 'open' OR state = 'settled' OR state = 'lost'", name="state"),
        nullable=False,
    ),
    Column("status", Integer),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_nanos", BigInteger),  # NULL is unknown, never free
    Column("cost_source", String),
    Column("reserved_nanos", BigInteger),  # NULL: the worst case could not be priced
    Column("reserved_tokens", BigInteger, nullable=False),
    Column("admitted_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("first_byte_ms", BigInteger),
    Column("total_ms", BigInteger),
    Column("error", Text),
    Column("milliunits", BigInteger),  # of the account's allowance, in thousandths of its unit
    Column("quantity", BigInteger),  # of what is counted in something else than tokens
    Column("unit", String),  # what that is: images, seconds, characters, searches
    Column("chosen_by", String),  # why it went to that instance: prefix, listed, pattern, maker, only
    Column("sent_ms", BigInteger),  # from its arrival until it went out to the provider
)

IS_OPEN: Final = literal_column("state") == literal_column("'open'")
"""As it stands in the partial index; the planner does not recognise it with a bound value."""

Index("ix_calls_admitted_at", calls.c.admitted_at)
Index("ix_calls_user_id_admitted_at", calls.c.user_id, calls.c.admitted_at)
Index("ix_calls_model_admitted_at", calls.c.model, calls.c.admitted_at)
Index("ix_calls_open", calls.c.key_id, calls.c.worker, sqlite_where=IS_OPEN)

# What calls have made and can be asked for later: answers, files, batches. Nobody has the user id "".
made: Final = Table(
    "made",
    METADATA,
    Column("id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("instance", String, primary_key=True),
    Column("key_id", String),
    Column("created_at", BigInteger, nullable=False, index=True),
)

workers: Final = Table(
    "workers",
    METADATA,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("process", String, nullable=False),  # when the process began, as its system says it
    Column("started_at", BigInteger, nullable=False),
    Column("heartbeat", BigInteger, nullable=False),
)

audit: Final = Table(
    "audit",
    METADATA,
    Column("id", String, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, without secrets
)
