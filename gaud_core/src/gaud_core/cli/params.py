"""Words on the command line that are more than text: times, spans of time, dollars."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click

__all__ = ["Dollars", "Moment", "Span"]

_SECS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_LONGEST_SECS = 100 * 366 * 86_400
_DOLLARS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Span(click.ParamType[int]):
    """A span of time such as `90s`, `30m`, `12h`, `30d` or `2w`, in seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give the seconds."""
        if isinstance(value, int):
            return value
        secs = _span(str(value))
        if secs is None:
            self.fail(f"{value!r} is no span of time such as 90s, 30m, 12h, 30d or 2w.", param, ctx)
        return secs


class Moment(click.ParamType[int]):
    """A time in UTC milliseconds: a date, a date with a time, or a span from now, back if `back`."""

    name = "time"

    def __init__(self, *, back: bool = False) -> None:
        self.back = back

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give the milliseconds; a date is its first moment in UTC."""
        if isinstance(value, int):
            return value
        secs = _span(str(value))
        if secs is not None:
            return time.time_ns() // 1_000_000 + (-1000 if self.back else 1000) * secs
        try:
            moment = datetime.fromisoformat(str(value))
            millis = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            millis = -1
        if millis < 0:
            text = "is no time such as 2026-12-31, 2026-12-31T18:00Z, 12h or 30d."
            self.fail(f"{value!r} {text}", param, ctx)
        return millis


class Dollars(click.ParamType[int]):
    """An amount in US dollars such as `5` or `50.25`, in nano-dollars; nothing is ever rounded."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give the nano-dollars."""
        if isinstance(value, int):
            return value
        if not _DOLLARS.fullmatch(str(value)):
            text = "is no amount in US dollars such as 5 or 50.25, with at most nine decimals."
            self.fail(f"{value!r} {text}", param, ctx)
        return int(Decimal(value).scaleb(9))


def _span(text: str) -> int | None:
    match = _SPAN.fullmatch(text)
    secs = int(match[1]) * _SECS[match[2]] if match else None
    return secs if secs is None or secs <= _LONGEST_SECS else None
