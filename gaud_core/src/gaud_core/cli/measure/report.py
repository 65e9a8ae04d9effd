"""What a run has found: as tables for a person, as one JSON object for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

import attrs

from gaud_core.cli.books import counted
from gaud_core.cli.common import printable, screen_width, table
from gaud_core.cli.measure.run import Run
from gaud_core.cli.measure.tally import PERCENTS, Quantiles, Tally, quantiles

__all__ = ["as_json", "as_text"]

_NAMES = {"gaud": "through Gaud", "direct": "direct"}
_KINDS = (
    ("total", "answer", "latency_ms"),
    ("first", "first chunk", "first_chunk_ms"),
    ("pace", "between chunks", "between_chunks_ms"),
    ("gap", "longest wait for a chunk", "longest_wait_ms"),
)
_ORDER = ("queue", "auth", "route", "admit", "upstream", "settle")
"""The parts of Gaud's in the order of a call; others come after them."""
_PERCENT_HEADS = tuple(f"P{percent}" for percent in PERCENTS)
_SPACE = ("", "", "", "")
_ENDINGS = {
    "most": "Ended early: a run has no more calls than these.",
    "failing": "Ended early: {failing} calls in a row have failed.",
    "interrupted": "Ended early by Ctrl-C.",
}


def as_text(run: Run) -> str:
    """Give the report: how many calls, how long they took, where the time went, what failed."""
    rows = [*_counts(run), *_times(run.tallies), *_parts(run.tallies[0])]
    shown = table(("", "CALLS", "FAILED", "CALLS/S"), rows, right={1, 2, 3})
    return "\n\n".join([_head(run), shown, *_failures(run), *_notes(run)])


def as_json(run: Run) -> dict[str, Any]:
    """Give the same as one object; times are in milliseconds."""
    plan = run.plan
    about = {
        "model": plan.model,
        "stream": plan.stream,
        "connections": plan.connections,
        "max_tokens": plan.max_tokens,
        "seconds": round(run.elapsed, 3),
        "ended_by": run.ending,
    }
    found = {
        target.name: {"url": target.url, "model": target.model, **_target_json(tally, rate)}
        for target, tally, rate in zip(run.targets, run.tallies, run.rates, strict=True)
    }
    return {**about, **found, **({"added": _added_json(*run.tallies)} if len(run.tallies) > 1 else {})}


def _head(run: Run) -> str:
    gaud, *others = run.targets
    what = "Streams" if run.plan.stream else "Calls"
    lines = [f"{what} to {gaud.model} at {gaud.url}"]
    lines += [f"and to {other.model} at {other.url}" for other in others]
    lines += [f"over {counted(run.plan.connections, 'connection')}, in {run.elapsed:.2f} s"]
    return "\n".join(printable(line) for line in lines)


def _counts(run: Run) -> list[tuple[str, ...]]:
    return [
        (_NAMES[target.name], f"{tally.calls:,}", f"{tally.failed:,}", f"{rate:,.1f}")
        for target, tally, rate in zip(run.targets, run.tallies, run.rates, strict=True)
    ]


def _failures(run: Run) -> Iterator[str]:
    """The failures of each target by their kind, the most frequent first, with the first one's words."""
    width = screen_width()
    for target, tally in zip(run.targets, run.tallies, strict=True):
        lines = []
        for kind, count in sorted(tally.failures.items(), key=lambda item: -item[1]):
            said = printable(
                f"{count:,} × {kind}" + (f": {tally.messages[kind]}" if tally.messages[kind] else "")
            )
            lines += wrap(said, width - 4, subsequent_indent="  ") if width else [said]
        if lines:
            which = f" {_NAMES[target.name]}" if len(run.targets) > 1 else ""
            yield "\n".join([f"Failed{which}:", *(f"  {line}" for line in lines)])


def _times(tallies: Sequence[Tally]) -> Iterator[tuple[str, ...]]:
    gaud, *others = tallies
    if not gaud.good:
        return
    yield from (_SPACE, ("MILLISECONDS", *_PERCENT_HEADS))
    for field, label, _ in _KINDS:
        found = quantiles(getattr(gaud, field))
        if found is None:
            continue
        if others and field != _KINDS[0][0]:
            yield _SPACE
        yield label, *map(_millis, _values(found))
        for other in others:
            yield from _against(found, quantiles(getattr(other, field)))


def _against(found: Quantiles, direct: Quantiles | None) -> Iterator[tuple[str, ...]]:
    if direct is None:
        return
    pairs = list(zip(_values(found), _values(direct), strict=True))
    yield "  direct", *map(_millis, _values(direct))
    yield "  added", *(f"{ours - theirs:+,.2f}" for ours, theirs in pairs)
    yield "  ratio", *(f"{ours / theirs:,.2f}" if theirs else "-" for ours, theirs in pairs)


def _parts(gaud: Tally) -> Iterator[tuple[str, ...]]:
    if gaud.parts:
        yield from (_SPACE, ("SERVER-TIMING, MS", *_PERCENT_HEADS))
    for name in _sorted(gaud):
        found = quantiles(gaud.parts[name])
        if found is not None:
            yield name, *map(_millis, _values(found))
    own = quantiles(gaud.own)
    if own is not None:
        yield "all but upstream", *map(_millis, _values(own))


def _notes(run: Run) -> Iterator[str]:
    gaud = run.tallies[0]
    lines = []
    if run.ending in _ENDINGS:
        lines.append(_ENDINGS[run.ending].format(failing=max(tally.failing for tally in run.tallies)))
    if 0 < gaud.good < 100:
        lines.append("Of fewer than 100 calls, P99 is the slowest.")
    if gaud.good and not gaud.parts:
        lines.append("The answers have no Server-Timing, so where the time goes is not known.")
    if lines:
        yield "\n".join(lines)


def _target_json(tally: Tally, rate: float) -> dict[str, Any]:
    errors = [
        {"kind": kind, "count": count, "first_message": tally.messages[kind]}
        for kind, count in tally.failures.items()
    ]
    timing = {name: _quantiles_json(tally.parts[name]) for name in _sorted(tally)}
    return {
        "calls": tally.calls,
        "failed": tally.failed,
        "errors": errors,
        "calls_per_sec": round(rate, 3),
        **{name: _quantiles_json(getattr(tally, field)) for field, _, name in _KINDS},
        "server_timing_ms": timing,
        "all_but_upstream_ms": _quantiles_json(tally.own),
    }


def _quantiles_json(values: Sequence[float]) -> dict[str, float] | None:
    found = quantiles(values)
    return None if found is None else {name: round(value, 3) for name, value in attrs.asdict(found).items()}


def _added_json(gaud: Tally, direct: Tally) -> dict[str, Any]:
    added: dict[str, Any] = {}
    for field, _, name in _KINDS:
        ours, theirs = quantiles(getattr(gaud, field)), quantiles(getattr(direct, field))
        added[name] = None
        if ours is not None and theirs is not None:
            added[name] = {
                percent: {"ms": round(value - other, 3), "ratio": round(value / other, 4) if other else None}
                for (percent, value), other in zip(attrs.asdict(ours).items(), _values(theirs), strict=True)
            }
    return added


def _sorted(tally: Tally) -> list[str]:
    known = [name for name in _ORDER if name in tally.parts]
    return known + [name for name in tally.parts if name not in _ORDER]


def _values(found: Quantiles) -> tuple[float, float, float]:
    return found.p50, found.p95, found.p99


def _millis(value: float) -> str:
    return f"{value:,.2f}"
