"""Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["CONTENT_TYPE", "FAMILIES", "rendered", "series"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FAMILIES: Final = (
    ("gaud_calls_total", "counter", "Calls that have ended, by provider, model, endpoint and status."),
    ("gaud_tokens_total", "counter", "Tokens as the upstreams counted them."),
    ("gaud_cost_usd_total", "counter", "What calls have cost in US dollars, as the ledger has it."),
    ("gaud_call_seconds", "histogram", "Time from a good call's first byte to the last of its answer."),
    ("gaud_first_byte_seconds", "histogram", "Time until the upstream's answer to a good call began."),
    ("gaud_calls_running", "gauge", "Calls that have not ended."),
    ("gaud_workers", "gauge", "Processes that serve."),
    ("gaud_breakers", "gauge", "Workers whose circuit breaker of a provider is in a state."),
    ("gaud_healthy", "gauge", "Workers that found a provider healthy when they asked last."),
    ("gaud_quota_left", "gauge", "What is left of an allowance at a provider, as its upstream said last."),
    ("gaud_quota_limit", "gauge", "The whole of that allowance."),
    ("gaud_ledger_waiting", "gauge", "Bookings that wait to be written."),
    ("process_resident_memory_bytes", "gauge", "Memory of all workers."),
    ("process_cpu_seconds_total", "counter", "CPU time of all workers."),
)
"""Name, type and help of everything that is told."""


def series(name: str, **labels: str) -> str:
    """Write one series as it stands before its value."""
    pairs = ",".join([f'{key}="{_escaped(value)}"' for key, value in labels.items()])
    return f"{name}{{{pairs}}}" if pairs else name


def rendered(totals: Mapping[str, float]) -> str:
    """Write all series, each family under its help and its type."""
    lines: list[str] = []
    names = sorted(totals, key=_order)
    for family, kind, told in FAMILIES:
        own = [name for name in names if _family(name) == family]
        if own:
            lines += [f"# HELP {family} {told}", f"# TYPE {family} {kind}"]
            lines += [f"{name} {_number(totals[name])}" for name in own]
    return "\n".join([*lines, ""])


def _family(name: str) -> str:
    bare = name.partition("{")[0]
    for ending in ("_bucket", "_sum", "_count"):
        if bare.endswith(ending):
            return bare.removesuffix(ending)
    return bare


def _order(name: str) -> tuple[str, float]:
    """The buckets of a histogram stand in the order of their bounds."""
    before, found, bound = name.partition(',le="')
    return (before, float(bound.partition('"')[0])) if found else (name, 0.0)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
