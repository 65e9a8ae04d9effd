"""Gaud, with everything on, next to its peers, on this machine: one command, one table.

    make bench                 all of it, about 12 minutes
    make bench ARGS=--quick    a minute, to see that it works

Every case drives all servers in turn with the same clients, again and again; what is told are medians over
the rounds. CPU is user and system time of a gateway's processes. Added latency is against a call to the
upstream itself. Only ratios within one run count; those of CPU that have a target are measured by short
turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from benchmarks import peers, report
from benchmarks.calls import serving
from benchmarks.people import make_key
from benchmarks.results import Results, Seen
from benchmarks.wire import Clients, Load, Target

HERE = Path(__file__).parent


@attrs.frozen
class Case:
    """What is asked for, and by how many clients at once."""

    name: str
    connections: int
    size: int = 1024
    stream: bool = False
    image: bool = False


CASES = (
    Case("whole, 1 KB, 1 connection", 1),
    Case("whole, 1 KB, 32 connections", 32),
    Case("whole, 1 KB, 256 connections", 256),
    Case("stream of 100 chunks, 1 connection", 1, stream=True),
    Case("stream of 100 chunks, 32 connections", 32, stream=True),
    Case("whole, 20 KB, 32 connections", 32, 20_000),
    Case("whole, 200 KB, 8 connections", 8, 200_000),
    Case("image of 1 MB, 4 connections", 4, 1_000_000, image=True),
)
QUICK = (CASES[1], CASES[4])
COMPARED = ((CASES[1], "Starlette echo"), (CASES[4], "nginx"))

_TURNS, _TURN_SECS = 25, 0.25


async def measure(peer: peers.Peer, case: Case, seconds: float) -> Seen:
    """Drive one server for so long."""
    async with Clients.connected(peer.port, case.connections) as clients:
        return await _driven(peer, case, clients, seconds)


async def _driven(peer: peers.Peer, case: Case, clients: Clients, seconds: float) -> Seen:
    target = Target.chat(
        peer.port,
        peer.key,
        peer.model,
        stream=case.stream,
        size=case.size,
        image=case.image,
        headers=peer.headers,
    )
    before = peer.cpu_ms()
    load = await clients.drive_for(target, seconds)
    return _seen(load, (peer.cpu_ms() - before) / len(load.millis))


def _seen(load: Load, cpu_ms: float) -> Seen:
    millis, first = sorted(load.millis), sorted(load.first)
    p50, p95, p99 = (millis[min(len(millis) - 1, len(millis) * share // 100)] for share in (50, 95, 99))
    begun = first[len(first) // 2] if first else 0.0
    chunk_us = (p50 - begun) * 10 if first else 0.0  # 100 chunks, in microseconds
    return Seen(cpu_ms, len(millis) / load.seconds, p50, p95, p99, begun, chunk_us, load.bad)


def run(servers: Sequence[peers.Peer], cases: Sequence[Case], rounds: int, seconds: float) -> Results:
    """Drive them all, in turn, so that a noisy minute hits all of them."""
    results = Results()
    for case in cases:
        by_server: dict[str, list[Seen]] = {}
        results.seen[case.name] = by_server
        mine = [s for s in servers if not (s.name == "Starlette echo" and (case.stream or case.size != 1024))]
        for number in range(rounds + 1):  # the first one only warms
            for server in mine:
                seen = asyncio.run(measure(server, case, seconds if number else seconds / 3))
                if seen.bad:
                    print(f"{server.name}, {case.name}: {seen.bad} bad answers", file=sys.stderr)
                if number:
                    by_server.setdefault(server.name, []).append(seen)
        print(report.lines_of(case.name, results), flush=True)
    for server in servers:
        results.memory[server.name] = server.resident_mb()
    return results


async def compared(servers: Sequence[peers.Peer], case: Case, other: str) -> str | None:
    """Give Gaud's CPU per call as a multiple of another server's; None if one of the two is not there.

    A machine's speed changes from second to second with what its neighbours do. So both are driven by short
    turns, over connections that stay open, and what counts is the median of the ratios of neighbouring ones.
    """
    here = {server.name: server for server in servers}
    if other not in here or "Gaud" not in here:
        return None
    gaud, peer = here["Gaud"], here[other]
    ratios = []
    async with (
        Clients.connected(gaud.port, case.connections) as of_gaud,
        Clients.connected(peer.port, case.connections) as of_peer,
    ):
        for turn in range(_TURNS + 1):
            theirs = await _driven(peer, case, of_peer, _TURN_SECS)
            ours = await _driven(gaud, case, of_gaud, _TURN_SECS)
            if theirs.bad or ours.bad:
                return "errors"
            if turn:  # the first one only warms
                ratios.append(ours.cpu_ms / theirs.cpu_ms)
    return f"{statistics.median(ratios):.2f}"


def _starts(upstream: int) -> list[tuple[float, float]]:
    """Start Gaud a few times while nothing else is asked.

    The first start makes the database and compiles the modules; it is not counted.
    """
    with tempfile.TemporaryDirectory() as name:
        peers.start_of_gaud(Path(name), upstream)
        return [peers.start_of_gaud(Path(name), upstream) for _ in range(5)]


@contextlib.contextmanager
def all_servers(options: argparse.Namespace) -> Iterator[tuple[list[peers.Peer], list[str]]]:
    """Start the upstream and whatever of the others is installed; say what is not."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        key = make_key(folder)
        upstream = stack.enter_context(serving("upstream", "benchmarks.wire"))
        direct = peers.Peer("direct", upstream.process.pid, upstream.port)
        found, missing = [direct], []
        found.append(stack.enter_context(peers.echo()))
        starts: list[tuple[str, str, Callable[[], peers.Started]]] = [
            ("nginx", options.nginx, lambda: peers.nginx(folder, upstream.port)),
            ("Gaud", sys.executable, lambda: peers.gaud(folder, upstream.port, key)),
            ("Portkey", options.portkey, lambda: peers.portkey(folder, upstream.port, Path(options.portkey))),
            ("LiteLLM", options.litellm, lambda: peers.litellm(folder, upstream.port, options.litellm)),
        ]
        for peer, program, start in starts:
            if Path(program).exists():
                found.append(stack.enter_context(start()))
            else:
                missing.append(f"{peer} is not in this run: {program} is not there.")
        yield found, missing


def main() -> None:
    """Measure, print, and write the table and the plots."""
    parser = argparse.ArgumentParser(description="Gaud next to its peers, with everything on.")
    parser.add_argument("--quick", action="store_true", help="two cases, one short round, nothing written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--litellm", default=".venv-litellm/bin/litellm")
    parser.add_argument(
        "--portkey", default=".bench-peers/node_modules/@portkey-ai/gateway/build/start-server.js"
    )
    parser.add_argument("--nginx", default="/usr/sbin/nginx")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1.5
    with all_servers(options) as (servers, missing):
        for line in missing:
            print(line)
        starts = _starts(servers[0].port)
        results = run(servers, QUICK if options.quick else CASES, options.rounds, options.seconds)
        for case, other in COMPARED:
            if (found := asyncio.run(compared(servers, case, other))) is not None:
                results.ratios[case.name, other] = found
    results.starts = starts
    text = report.page(results, missing)
    print(text)
    if not options.quick:
        (HERE / "RESULTS.md").write_text(text)
        report.plots(results, HERE)


if __name__ == "__main__":
    main()
