"""Statements compiled once: what SQLAlchemy does for each execution costs more than SQLite's own work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, CursorResult, Dialect

__all__ = ["Prepared", "PreparedIn"]

Values = Mapping[str, Any]


class Prepared:
    """One statement for one dialect; the values are given by name."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(
            dialect=dialect, column_keys=columns, compile_kwargs={"render_postcompile": True}
        )
        self.sql: str = compiled.string
        self._order: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self._fixed: Mapping[str, Any] = compiled.params

    def one(self, connection: Connection, values: Values) -> CursorResult[Any]:
        """Execute it once."""
        return connection.exec_driver_sql(self.sql, self._bound(values))

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Execute it for each row; nothing to do for none."""
        if rows:
            connection.exec_driver_sql(self.sql, [self._bound(row) for row in rows])

    def _bound(self, values: Values) -> Any:
        if self._order is None:
            return {**self._fixed, **values}
        fixed = self._fixed
        return tuple([values[name] if name in values else fixed[name] for name in self._order])


@attrs.define
class PreparedIn:
    """A statement with `column IN (…)`, compiled once for each power of two of values.

    `make(n)` gives the statement for the parameters `v0` to `v<n-1>`; a shorter list repeats its last value.
    """

    make: Callable[[int], Any]
    dialect: Dialect
    _sizes: dict[int, Prepared] = attrs.field(factory=dict)

    def rows(self, connection: Connection, wanted: Sequence[Any], values: Values) -> Sequence[Any]:
        """All rows for the wanted values, of which there is at least one."""
        size = 1 << (len(wanted) - 1).bit_length()
        prepared = self._sizes.get(size)
        if prepared is None:
            prepared = self._sizes[size] = Prepared(self.make(size), self.dialect)
        padded = [*wanted, *[wanted[-1]] * (size - len(wanted))]
        bound = {f"v{index}": value for index, value in enumerate(padded)}
        return prepared.one(connection, {**bound, **values}).fetchall()
