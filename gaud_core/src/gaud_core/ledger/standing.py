"""Where everybody in a batch stands: read once, changed in memory, written once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import attrs
from msgspec import Struct
from sqlalchemy import Connection

from gaud_core.ledger.periods import DAY_MS, periods_of, until_next_day, until_next_month
from gaud_core.ledger.statements import Statements

__all__ = ["HORIZON_SECS", "KEPT_SECS", "KeyState", "Standing"]

HORIZON_SECS = 61
"""A window is the current second and the 60 before it, so in no 60 seconds does more than the limit pass."""

_USED_MS = 300_000
"""How old the time may become at which a key was last used: it need not be exact, and a row costs."""

KEPT_SECS = 600
"""How long the seconds are kept; a late settlement corrects none that is older."""


@lru_cache(maxsize=256)
def _globs(text: str) -> tuple[str, ...]:
    """Read a key's models, which are a JSON list."""
    return tuple(json.loads(text))


class KeyState(Struct, frozen=True, gc=False):
    """A key as it is in this transaction."""

    id: str
    user_id: str
    digest: bytes
    previous_digest: bytes | None
    previous_until: int | None
    expires_at: int | None
    revoked_at: int | None
    globs: str
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    user_deleted_at: int | None
    daily_nanos: int | None
    monthly_nanos: int | None
    last_used_at: int | None

    def __repr__(self) -> str:
        return f"KeyState({self.id!r})"

    @property
    def models(self) -> Sequence[str]:
        """What it may be used for; nothing is everything."""
        return _globs(self.globs)

    @property
    def has_window(self) -> bool:
        """Whether requests or tokens are limited."""
        return self.rpm is not None or self.tpm is not None

    @property
    def has_budget(self) -> bool:
        """Whether its user has a budget."""
        return self.daily_nanos is not None or self.monthly_nanos is not None


@attrs.define(eq=False)
class Standing:
    """The counters of one transaction; `used` and friends include what the batch has added so far."""

    connection: Connection
    statements: Statements
    now: int
    second: int = attrs.field(default=attrs.Factory(lambda own: own.now // 1000, True))
    """The current one."""
    periods: tuple[str, str] = attrs.field(default=attrs.Factory(lambda own: periods_of(own.now), True))
    turns: tuple[int, int] = attrs.field(default=attrs.Factory(lambda own: own.until_turns(), True))
    """Seconds until the day and the month turn."""
    keys: dict[str, KeyState] = attrs.field(factory=dict)
    used: dict[tuple[str, str], int] = attrs.field(factory=dict)
    requests: dict[str, int] = attrs.field(factory=dict)
    tokens: dict[str, int] = attrs.field(factory=dict)
    running: dict[str, int] = attrs.field(factory=dict)
    _spend: dict[tuple[str, str], list[int]] = attrs.field(factory=dict)
    _windows: dict[tuple[str, int], list[int]] = attrs.field(factory=dict)
    _intents: list[dict[str, Any]] = attrs.field(factory=list)
    _seconds: dict[str, Sequence[Any]] = attrs.field(factory=dict)
    _touched: set[str] = attrs.field(factory=set)
    """The keys whose `last_used_at` is to be written anew."""

    def until_turns(self) -> tuple[int, int]:
        """Compute `turns`."""
        return until_next_day(self.now), until_next_month(self.now)

    def load(self, key_ids: Iterable[str]) -> None:
        """Read all that is needed to decide about these keys, and nothing for limits that they lack.

        What the batch has changed already is not in the store yet, so it is added.
        """
        wanted = sorted(set(key_ids))
        if wanted:
            day, month = self.periods
            rows = self.statements.keys.rows(self.connection, wanted, {"day": day, "month": month})
            for *state, running, today, this_month in rows:
                key = KeyState(*state)
                self.keys[key.id], self.running[key.id] = key, running or 0
                self.used[key.user_id, day] = today or 0
                self.used[key.user_id, month] = this_month or 0
            for account, (spent, reserved) in self._spend.items():
                self.used[account] = self.used.get(account, 0) + spent + reserved
            self._load_windows(sorted(key.id for key in self.keys.values() if key.has_window))

    def _load_windows(self, wanted: Sequence[str]) -> None:
        if wanted:
            after = self.second - HORIZON_SECS
            for key, requests, tokens in self.statements.windows.rows(
                self.connection, wanted, {"after": after}
            ):
                self.requests[key], self.tokens[key] = int(requests), int(tokens)
            for (key, second), (requests, tokens) in self._windows.items():
                if second > after:
                    self.requests[key] = self.requests.get(key, 0) + requests
                    self.tokens[key] = self.tokens.get(key, 0) + tokens

    def seconds(self, key_id: str) -> Sequence[Any]:
        """The seconds of a window, oldest first, as (second, requests, tokens); without this batch."""
        if key_id not in self._seconds:
            values = {"key": key_id, "after": self.second - HORIZON_SECS}
            self._seconds[key_id] = self.statements.seconds.one(self.connection, values).fetchall()
        return self._seconds[key_id]

    def book(self, key: KeyState | None, intent: dict[str, Any]) -> None:
        """Add an admitted call, so that the next of the batch sees it."""
        self._intents.append(intent)
        if key is not None:
            nanos, tokens = intent["reserved_nanos"] or 0, intent["reserved_tokens"]
            self.requests[key.id] = self.requests.get(key.id, 0) + 1
            self.tokens[key.id] = self.tokens.get(key.id, 0) + tokens
            self.running[key.id] = self.running.get(key.id, 0) + 1
            if self.now - (key.last_used_at or 0) >= _USED_MS:
                self._touched.add(key.id)
            self.add_window(key.id, self.now, 1, tokens)
            self.add_spend(key.user_id, self.now, 0, nanos)
            for period in self.periods:
                self.used[key.user_id, period] = self.used.get((key.user_id, period), 0) + nanos

    def add_spend(self, user_id: str, admitted_at: int, spent: int, reserved: int) -> None:
        """Change a user's day and month of the admission."""
        today = admitted_at // DAY_MS == self.now // DAY_MS
        for period in self.periods if today else periods_of(admitted_at):
            change = self._spend.setdefault((user_id, period), [0, 0])
            change[0] += spent
            change[1] += reserved

    def add_window(self, key_id: str, admitted_at: int, requests: int, tokens: int) -> None:
        """Change the second of the admission, unless it counts no more."""
        if admitted_at // 1000 > self.second - KEPT_SECS // 2:
            change = self._windows.setdefault((key_id, admitted_at // 1000), [0, 0])
            change[0] += requests
            change[1] += tokens

    def flush(self) -> None:
        """Write the changes: one row for each counter, however many calls have changed it."""
        self.statements.insert_call.many(self.connection, self._intents)
        spend = [
            {"user_id": user, "period": period, "spent_nanos": s, "reserved_nanos": r, "pruned_nanos": 0}
            for (user, period), (s, r) in self._spend.items()
        ]
        self.statements.add_spend.many(self.connection, spend)
        windows = [
            {"key_id": key, "second": second, "requests": requests, "tokens": tokens}
            for (key, second), (requests, tokens) in self._windows.items()
        ]
        self.statements.add_window.many(self.connection, windows)
        touched = [{"key": key, "at": self.now} for key in self._touched]
        self.statements.touch_key.many(self.connection, touched)
        self._intents, self._spend, self._windows, self._touched = [], {}, {}, set()
