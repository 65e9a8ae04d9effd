"""Statements compiled once and given to the driver as they are.

What SQLAlchemy does for each execution costs several times SQLite's own work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import attrs
from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

__all__ = ["Prepared", "PreparedIn", "translated"]

Values = Mapping[str, Any]


class Prepared:
    """One statement for one dialect; the values are given by name."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(
            dialect=dialect, column_keys=columns, compile_kwargs={"render_postcompile": True}
        )
        self.sql: str = compiled.string
        self._dialect = dialect
        self._bound = _binder(compiled.positiontup if compiled.positional else None, compiled.params)

    def one(self, connection: Connection, values: Values) -> Any:
        """Execute it once and give the driver's cursor."""
        return self._run(connection, "execute", self._bound(values))

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Execute it for each row; nothing to do for none."""
        if rows:
            self._run(connection, "executemany", [self._bound(row) for row in rows])

    def _run(self, connection: Connection, how: str, bound: Any) -> Any:
        cursor = connection.connection.cursor()
        try:
            getattr(cursor, how)(self.sql, bound)
        except Exception as error:
            raise translated(error, self.sql, self._dialect) from error
        return cursor


def translated(error: Exception, sql: str, dialect: Dialect) -> BaseException:
    """Give a driver's error as SQLAlchemy would raise it; any other as it is."""
    base: Any = dialect.loaded_dbapi.Error
    if not isinstance(error, base):
        return error
    found: BaseException = DBAPIError.instance(sql, None, error, base, dialect=dialect)
    return found


def _binder(order: Sequence[str] | None, fixed: Values) -> Callable[[Values], Any]:
    """Give what turns named values into the driver's parameters; `fixed` are those of the statement."""
    if order is None:
        return lambda values: {**fixed, **values}
    if len(order) > 1 and all(fixed[name] is None for name in order):
        return itemgetter(*order)
    return lambda values: tuple([values[name] if name in values else fixed[name] for name in order])


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
        bound.update(values)
        rows: Sequence[Any] = prepared.one(connection, bound).fetchall()
        return rows
