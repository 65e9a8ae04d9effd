"""What one call costs with everything on, next to the least that a relay can cost.

    python -m benchmarks.calls [--calls 4000] [--rounds 3]

Gaud runs as its users run it: `gaud serve`, one worker, SQLite, a key with rpm, tpm and concurrency limits,
a user with a daily and a monthly budget, the ledger on. Beside it: a Starlette that echoes, and a Starlette
with aiohttp that relays and does nothing else. All are driven in turn by the same clients; CPU is user and
system time of the serving process, in milliseconds per call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from benchmarks.people import make_key
from benchmarks.wire import Load, Target, drive

_TICKS = os.sysconf("SC_CLK_TCK")
CASES = (("whole, 1 connection", False, 1), ("whole, 32", False, 32), ("whole, 256", False, 256))
STREAMS = (("100 chunks, 1 connection", True, 1), ("100 chunks, 32", True, 32))


@attrs.frozen
class Serving:
    """A server that runs, and the key that it wants."""

    name: str
    process: subprocess.Popen[str]
    port: int
    key: str = "none"

    def cpu_ms(self) -> float:
        """CPU time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


@contextlib.contextmanager
def serving(name: str, *command: str, key: str = "none", **env: str) -> Iterator[Serving]:
    """Run a server until the block ends; its first line on standard output ends in its port."""
    environment = os.environ | env
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            yield Serving(name, process, int(line.rpartition(":")[2]), key)
        finally:
            process.terminate()


async def measure(server: Serving, stream: bool, connections: int, calls: int) -> tuple[float, Load]:
    """CPU milliseconds per call, and what the clients saw."""
    target = Target.chat(server.port, server.key, stream=stream)
    before = server.cpu_ms()
    load = await drive(target, connections, calls)
    if load.bad:
        raise SystemExit(f"{server.name}: {load.bad} of {len(load.millis)} answers were bad")
    return (server.cpu_ms() - before) / len(load.millis), load


def show(case: str, results: dict[str, list[tuple[float, Load]]]) -> None:
    """Print one line per server: medians over the rounds."""
    floor = statistics.median(cpu for cpu, _ in next(iter(results.values())))
    for name, rounds in results.items():
        cpu = statistics.median(cpu for cpu, _ in rounds)
        rate = statistics.median(len(load.millis) / load.seconds for _, load in rounds)
        millis = sorted(value for _, load in rounds for value in load.millis)
        p50, p99 = millis[len(millis) // 2], millis[len(millis) * 99 // 100]
        told = f"{cpu:8.3f} ms CPU  {cpu / floor:5.1f}x  {rate:8.0f}/s  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms"
        print(f"{case:26} {name:12} {told}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What one call costs with everything on.")
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        key = make_key(Path(folder))
        upstream = stack.enter_context(serving("upstream", "benchmarks.wire"))
        url = f"http://127.0.0.1:{upstream.port}"
        env = {
            "GAUD_DATA_DIR": folder,
            "GAUD_LITELLM_URL": url,
            "GAUD_CONFIG": "",
            "GAUD_LOGGING_LEVEL": "warning",
        }
        echo = stack.enter_context(serving("echo", "benchmarks.floor", "echo"))
        relay = stack.enter_context(serving("bare relay", "benchmarks.floor", "relay", str(upstream.port)))
        gaud = stack.enter_context(serving("Gaud", "gaud_core", "serve", "--port", "0", key=key, **env))
        run([echo, relay, gaud], CASES, options.calls, options.rounds)
        run([relay, gaud], STREAMS, options.calls // 10, options.rounds)


def run(servers: list[Serving], cases: tuple[tuple[str, bool, int], ...], calls: int, rounds: int) -> None:
    """Drive the servers in turn, so that a noisy minute hits all of them."""
    for case, stream, connections in cases:
        results: dict[str, list[tuple[float, Load]]] = {server.name: [] for server in servers}
        for server in servers:
            asyncio.run(measure(server, stream, connections, max(calls // 10, connections)))  # warm
        for _ in range(rounds):
            for server in servers:
                results[server.name].append(
                    asyncio.run(measure(server, stream, connections, max(calls, connections)))
                )
        show(case, results)


if __name__ == "__main__":
    main()
