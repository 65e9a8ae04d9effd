"""Bars as SVG: geometry is made here, `chart.html` draws it and puts a table beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import attrs

from gaud_core.ledger.trends import Slice
from gaud_core.ui.words import compact, count, money

__all__ = ["RANGES", "Chart", "Range", "charts_of", "share"]

WIDTH, HEIGHT = 600.0, 120.0
_GAP = 0.22
_HOUR = 3_600_000


@attrs.frozen
class Range:
    """How far back a chart looks, and in what steps (milliseconds)."""

    name: str
    title: str
    length: int
    step: int

    def bounds(self, now: int) -> tuple[int, int]:
        """Give the range that ends with the step that is under way."""
        until = -(-now // self.step) * self.step
        return until - self.length, until


RANGES = {
    each.name: each
    for each in (
        Range("24h", "24 hours", 24 * _HOUR, _HOUR),
        Range("7d", "7 days", 7 * 24 * _HOUR, 6 * _HOUR),
        Range("30d", "30 days", 30 * 24 * _HOUR, 24 * _HOUR),
    )
}


@attrs.frozen
class Part:
    """A rectangle of a bar; `kind` is its class."""

    y: float
    height: float
    kind: str


@attrs.frozen
class Bar:
    """One step of time, with the words that stand for it."""

    x: float
    width: float
    parts: tuple[Part, ...]
    when: str
    told: tuple[str, ...]


@attrs.frozen
class Chart:
    """Bars over time. `top` is the value at the upper edge, `columns` the heads of its table."""

    id: str
    title: str
    total: str
    note: str
    top: str
    half: str
    columns: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    ticks: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(bar.parts for bar in self.bars)


@attrs.frozen
class _Kind:
    """One quantity of a chart: how it is named, coloured, taken from a slice and written."""

    name: str
    style: str
    take: Callable[[Slice], int | None]


@attrs.frozen
class _Look:
    """What a chart shows, and how its numbers are written."""

    title: str
    total: str
    note: str
    kinds: tuple[_Kind, ...]
    write: Callable[[int | None], str]


def charts_of(slices: Sequence[Slice], chosen: Range) -> Sequence[Chart]:
    """Draw calls, tokens and spend."""
    calls, errors = sum(each.calls for each in slices), sum(each.errors for each in slices)
    tokens = _sum(each.input_tokens for each in slices), _sum(each.output_tokens for each in slices)
    spent = _sum(each.cost_nanos for each in slices)
    good = _Kind("Answered", "bar-good", lambda each: each.calls - each.errors)
    bad = _Kind("Failed", "bar-bad", lambda each: each.errors)
    taken = _Kind("In", "bar-main", lambda each: each.input_tokens)
    given = _Kind("Out", "bar-second", lambda each: each.output_tokens)
    cost = _Kind("Spend", "bar-main", lambda each: each.cost_nanos)
    told = f"{compact(tokens[0])} in, {compact(tokens[1])} out"
    both = None if tokens == (None, None) else (tokens[0] or 0) + (tokens[1] or 0)
    looks = (
        _Look("Calls", count(calls), f"{count(errors)} failed", (good, bad), count),
        _Look("Tokens", compact(both), told, (taken, given), compact),
        _Look("Spend", money(spent), "known", (cost,), money),
    )
    return [_chart(look, slices, chosen) for look in looks]


def _chart(look: _Look, slices: Sequence[Slice], chosen: Range) -> Chart:
    kinds, write = look.kinds, look.write
    top = _nice(max((sum(kind.take(each) or 0 for kind in kinds) for each in slices), default=0))
    width = WIDTH / max(len(slices), 1)
    bars = tuple(
        Bar(
            round(index * width + width * _GAP / 2, 2),
            round(width * (1 - _GAP), 2),
            _parts(each, kinds, top),
            _when(each.at, chosen),
            tuple(write(kind.take(each)) for kind in kinds),
        )
        for index, each in enumerate(slices)
    )
    return Chart(
        id=look.title.lower(),
        title=look.title,
        total=look.total,
        note=look.note,
        top=write(top),
        half=write(top // 2),
        columns=("Time (UTC)", *(kind.name for kind in kinds)),
        kinds=tuple((kind.name, kind.style) for kind in kinds),
        bars=bars,
        ticks=(bars[0].when, bars[len(bars) // 2].when, "now") if bars else (),
    )


def _parts(each: Slice, kinds: Sequence[_Kind], top: int) -> tuple[Part, ...]:
    """Stack the quantities from the ground up; what is there at all can be seen."""
    parts, ground = [], HEIGHT
    for kind in kinds:
        value = kind.take(each) or 0
        if value > 0:
            height = max(value / top * HEIGHT, 1.5)
            ground -= height
            parts.append(Part(round(max(ground, 0), 2), round(height, 2), kind.style))
    return tuple(parts)


def _nice(value: int) -> int:
    """Give the next round number, so that the scale can be read; an even one, so that its half can too."""
    if value <= 2:
        return 2
    size: int = 10 ** math.floor(math.log10(value))
    return next(size * step // 2 for step in (2, 4, 8, 10, 20) if size * step // 2 >= value)


def _when(at: int, chosen: Range) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return (
        f"{moment:%H:%M}"
        if chosen.name == "24h"
        else f"{moment:%d %b}" + (f" {moment:%H:%M}" if chosen.name == "7d" else "")
    )


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def share(part: float | None, whole: float | None) -> float:
    """Give a part of 100, for a bar that lies; nothing of nothing is 0."""
    return 0.0 if not part or not whole else round(min(part / whole, 1) * 100, 1)
