"""Run a command until it ends, or until whoever started this closes its end of our standard input.

A test session that is killed closes all its pipes, so no server of ours outlives it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command as a child in our own process group; return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # meant for the whole group: the child gets it too
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_kill_at_end_of_input, daemon=True).start()
    return child.wait()


def _kill_at_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
