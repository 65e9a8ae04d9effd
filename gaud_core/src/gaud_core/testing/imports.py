"""What the import of a module costs and does, seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import attrs

__all__ = ["Imported", "look_at_import"]

_SCRIPT = """
import json, sys, threading, time
import gaud_core
done = []
WATCHED = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "subprocess.Popen"}
sys.addaudithook(lambda event, args: event in WATCHED and done.append(f"{event}{args[-1:]}"))
def clock():
    try:  # on Linux, less the time in which other processes had the processor
        with open("/proc/self/schedstat") as file:
            return time.perf_counter() - int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return time.perf_counter()
known, begun = threading.active_count(), clock()
__import__(sys.argv[1])
seconds = clock() - begun
if threading.active_count() > known:
    done.append("starts a thread")
print(json.dumps({"seconds": seconds, "done": done}))
"""


@attrs.frozen
class Imported:
    """Seconds that an import took beyond `import gaud_core`, what it did, and its error if it failed."""

    seconds: float = 0.0
    done: tuple[str, ...] = ()
    error: str = ""


def look_at_import(module: str) -> Imported:
    """Import a module in a fresh Python with the same path."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(  # noqa: S603 - this Python, and a module that is imported here already
        [sys.executable, "-c", _SCRIPT, module], capture_output=True, text=True, check=False, env=environ
    )
    if ran.returncode != 0:
        return Imported(error=ran.stderr.strip().rpartition("\n")[2])
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    return Imported(told["seconds"], tuple(told["done"]))
