"""How many instructions a whole call takes, of Gaud and of a Starlette echo: the same at every hour.

    python -m benchmarks.instructions [--calls 640] [--stream]

Needs valgrind. Counted is the process that serves, without the kernel, between two moments while it serves
32 connections; about two minutes. Other CPUs get other code from Python and the C library, so only the ratio
means something elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks import peers
from benchmarks.calls import serving
from benchmarks.people import make_key
from benchmarks.wire import Target, drive

_CONNECTIONS = 32
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def under(folder: Path, name: str) -> list[str]:
    """Give the command that counts what is started by it, once it is told to."""
    out = f"--callgrind-out-file={folder / name}"
    return ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", out]


def count(peer: peers.Peer, counts: Path, calls: int, *, stream: bool) -> float:
    """Instructions for each of so many calls; as many before them are not counted."""
    target = Target.chat(peer.port, peer.key, peer.model, stream=stream)
    asyncio.run(drive(target, _CONNECTIONS, calls))
    _tell(peer, "--instr=on")
    load = asyncio.run(drive(target, _CONNECTIONS, calls))
    _tell(peer, "--instr=off")
    _tell(peer, "--dump")
    if load.bad:
        raise SystemExit(f"{peer.name}: {load.bad} of {calls} answers were bad")
    dumps = [path.read_text(errors="replace") for path in counts.parent.glob(f"{counts.name}*")]
    return max(int(found) for text in dumps for found in _TOTAL.findall(text)) / len(load.millis)


def _tell(peer: peers.Peer, what: str) -> None:
    control = shutil.which("callgrind_control") or "callgrind_control"
    subprocess.run([control, what, str(peer.pid)], check=True, capture_output=True)


def main() -> None:
    """Count both and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=640)
    parser.add_argument("--stream", action="store_true", help="streams of 100 chunks, which the echo has not")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: apt install valgrind")
    with tempfile.TemporaryDirectory() as name, serving("upstream", "benchmarks.wire") as upstream:
        folder = Path(name)
        key = make_key(folder)
        with peers.gaud(folder, upstream.port, key, under=under(folder, "gaud.count")) as gaud:
            ours = count(gaud, folder / "gaud.count", options.calls, stream=options.stream)
        print(f"Gaud            {ours:12,.0f} instructions per call", flush=True)
        if options.stream:
            return
        with peers.echo(under(folder, "echo.count")) as echo:
            floor = count(echo, folder / "echo.count", options.calls, stream=False)
        print(f"Starlette echo  {floor:12,.0f} instructions per call\nratio           {ours / floor:12.2f}")


if __name__ == "__main__":
    main()
