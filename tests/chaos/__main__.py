"""Throw faults at two workers under load and compare the books with what upstream and clients have seen.

    make chaos                     10,000 trials
    make chaos TRIALS=2000 SEED=7  fewer, and the same decisions as another run

A trial is one call. The seed fixes who calls, what for, and which faults come in which order; when exactly
they hit is the machine's business.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from .check import KINDS
from .run import Options, Result, run

_SHOWN = 40


def main() -> int:
    """Run, print the table, and give the exit code."""
    arguments = _arguments()
    options = Options(arguments.trials, arguments.seed, plant=arguments.plant)
    folder = Path(tempfile.mkdtemp(prefix="gaud-chaos-"))
    print(f"{options.trials} trials, seed {options.seed}, in {folder}", flush=True)
    result = asyncio.run(run(folder, options))
    print(table(result))
    if not result.findings:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    for finding in result.findings[:_SHOWN]:
        print(finding)
    print(f"{len(result.findings)} findings; everything is kept in {folder}. To repeat: SEED={options.seed}")
    return 1


def table(result: Result) -> str:
    """Show what was done and what was found."""
    numbers = {
        "trials": result.trials,
        "calls seen by the upstream": result.seen,
        "answers complete": result.completed,
    }
    sections = (numbers, result.faults, result.statuses, result.states)
    lines = [f"disk full by {result.disk}; {result.secs:.0f} s"]
    for title, section in zip(("", "faults", "answers", "rows"), sections, strict=True):
        lines += [title] if title else []
        lines += [f"  {name:34}{count:7}" for name, count in sorted(section.items()) if count]
    return "\n".join([*lines, " · ".join(f"{kind} {result.count(kind)}" for kind in KINDS)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--plant", default="", help="a mistake of in_worker/chaos_plants.py to plant")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
