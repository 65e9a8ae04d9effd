"""The table, the targets and the plots of a run."""

from __future__ import annotations

import datetime as dt
import platform
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.results import Results

__all__ = ["lines_of", "page", "plots"]

WHOLE_1, WHOLE_32 = "whole, 1 KB, 1 connection", "whole, 1 KB, 32 connections"
STREAM_32 = "stream of 100 chunks, 32 connections"
_COLOURS = {"Gaud": "#2563eb", "nginx": "#16a34a", "Portkey": "#d97706", "LiteLLM": "#b91c1c"}
_CANNOT = (
    "What the peers do not do in these set-ups: nginx knows no keys, limits or books; Portkey's gateway "
    "relays to whatever host a header names and keeps no keys, limits or books; LiteLLM runs without a key "
    "and a database, so it checks and books nothing. Gaud checks a key, its three limits and two budgets, "
    "and books every call before it goes out and after it. Portkey waits "
    "25 ms before a stream's first event, on purpose."
)


def lines_of(case: str, results: Results) -> str:
    """Give one case for the terminal."""
    lines = [case]
    for server in results.seen[case]:
        cpu, rate = results.median(case, server, "cpu_ms"), results.median(case, server, "rate")
        p50, p99 = results.median(case, server, "p50"), results.median(case, server, "p99")
        lines.append(f"  {server:15} {cpu:8.3f} ms CPU {rate:9.0f}/s  p50 {p50:8.2f} ms  p99 {p99:8.2f} ms")
    return "\n".join(lines)


def page(results: Results, missing: list[str]) -> str:
    """Give the whole result in Markdown."""
    parts = ["# Gaud next to its peers", "", _machine(), "", *missing, _CANNOT, ""]
    for case in results.seen:
        parts += [f"## {case[0].upper()}{case[1:]}", "", *_table(case, results), ""]
    parts += ["## Memory after all of it", "", "| | MB resident |", "|---|---:|"]
    parts += [f"| {server} | {megabytes:.0f} |" for server, megabytes in results.memory.items()]
    parts += ["", "## Targets", "", "| | target | measured |", "|---|---:|---:|", *_targets(results), ""]
    return "\n".join(parts)


def _machine() -> str:
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        model = f"{len(names)} × {names[0]}" if names else model
    when = dt.datetime.now(dt.UTC).date()
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    python = f"Python {platform.python_version()}"
    return f"{when}, {model}, {system}, {python}. Clients and upstream run on the same cores."


def _table(case: str, results: Results) -> Iterator[str]:
    streams = case.startswith("stream")
    head = ["", "CPU ms per call", "÷ Gaud", "calls/s", "added p50 ms", "p95", "p99"]
    head += ["first chunk, added ms", "each chunk, added µs"] if streams else []
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    for server in results.seen[case]:
        if results.median(case, server, "bad"):
            yield f"| {server} | answers this with errors |" + " |" * (len(head) - 2)
            continue
        cells = [server, *_cost(case, server, results), *_added(case, server, results, ("p50", "p95", "p99"))]
        if streams:
            cells += _added(case, server, results, ("first", "chunk_us"))
        yield "| " + " | ".join(cells) + " |"


def _cost(case: str, server: str, results: Results) -> list[str]:
    cpu, ours = results.median(case, server, "cpu_ms"), results.median(case, "Gaud", "cpu_ms")
    rate = results.median(case, server, "rate")
    ratio = f"{cpu / ours:.2f}" if cpu and ours else "–"
    return [f"{cpu:.3f}", ratio, f"{rate:.0f}"]


def _added(case: str, server: str, results: Results, names: tuple[str, ...]) -> list[str]:
    cells = []
    for name in names:
        value, direct = results.median(case, server, name), results.median(case, "direct", name)
        cells.append(
            "–" if server == "direct" or value is None or direct is None else f"{value - direct:.2f}"
        )
    return cells


def _targets(results: Results) -> Iterator[str]:
    def ratio(case: str, what: str, above: str, below: str) -> str:
        if case not in results.seen:
            return "not in this run"
        if results.median(case, above, "bad") or results.median(case, below, "bad"):
            return "errors"
        a, b = results.median(case, above, what), results.median(case, below, what)
        return f"{a / b:.2f}" if a and b else "not in this run"

    yield f"| whole, 32: throughput ÷ LiteLLM's | ≥ 20 | {ratio(WHOLE_32, 'rate', 'Gaud', 'LiteLLM')} |"
    yield f"| whole, 32: throughput ÷ Portkey's | ≥ 2 | {ratio(WHOLE_32, 'rate', 'Gaud', 'Portkey')} |"
    yield f"| streams, 32: throughput ÷ LiteLLM's | ≥ 40 | {ratio(STREAM_32, 'rate', 'Gaud', 'LiteLLM')} |"
    nginx, echo = (
        results.ratios.get(pair, "not in this run")
        for pair in ((STREAM_32, "nginx"), (WHOLE_32, "Starlette echo"))
    )
    yield f"| streams, 32: CPU ÷ nginx's, by short turns | ≤ 2.5 | {nginx} |"
    yield f"| whole, 32: CPU ÷ a Starlette echo's, by short turns | ≤ 5 | {echo} |"
    if WHOLE_1 in results.seen:
        added = _added(WHOLE_1, "Gaud", results, ("p50", "p99"))
        theirs = _added(WHOLE_1, "LiteLLM", results, ("p50",))
        yield f"| whole, 1: added p50 | ≤ ⅛ of LiteLLM's | {added[0]} ms, LiteLLM {theirs[0]} ms |"
        yield f"| whole, 1: added p99 | ≤ 5 ms | {added[1]} ms |"

    if results.starts:
        seconds, megabytes = (statistics.median(start[at] for start in results.starts) for at in (0, 1))
        yield f"| start to first answer | ≤ 1 s | {seconds:.2f} s |"
        yield f"| resident at start | ≤ 80 MB | {megabytes:.0f} MB |"


def plots(results: Results, folder: Path) -> None:
    """Write a bar for each gateway: CPU per call, on a logarithmic scale because they differ so much."""
    for case, name in ((WHOLE_32, "whole.svg"), (STREAM_32, "stream.svg")):
        values = {
            server: value
            for server in _COLOURS
            if (value := results.median(case, server, "cpu_ms")) and not results.median(case, server, "bad")
        }
        (folder / name).write_text(_bars(f"CPU per call, ms: {case}", values))


def _bars(title: str, values: Mapping[str, float]) -> str:
    import math

    low = math.log10(min(values.values()) / 2)
    high = math.log10(max(values.values()))
    rows = []
    for number, (server, value) in enumerate(values.items()):
        y = 50 + number * 34
        width = 20 + 380 * (math.log10(value) - low) / (high - low)
        rows.append(f'<text x="10" y="{y + 17}">{server}</text>')
        rows.append(
            f'<rect x="90" y="{y}" width="{width:.0f}" height="24" rx="3" fill="{_COLOURS[server]}"/>'
        )
        rows.append(f'<text x="{96 + width:.0f}" y="{y + 17}">{value:.3g}</text>')
    height = 60 + len(values) * 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="560" height="{height}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{title}"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="10" y="28" font-weight="bold">{title} (logarithmic)</text>{"".join(rows)}</svg>\n'
    )
