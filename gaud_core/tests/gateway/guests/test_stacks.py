"""Looking at another thread's stack never stops the process."""

from __future__ import annotations

import subprocess
import sys
import threading

from gaud_core.gateway.guests.stacks import frame_of

# Garbage whose finalizers run Python code, threads that end all the time, and a third that looks at stacks:
# with sys._current_frames() alone this stands still in most runs of CPython 3.11.
_STRESS = """
import gc, sys, threading, time, weakref
from gaud_core.gateway.guests.stacks import frame_of

class Ring:
    def __init__(self):
        self.me = self
        weakref.finalize(self, work)

def work():
    for _ in range(20):
        pass

def look():
    while time.monotonic() < end:
        Ring()
        frame_of(main)

def spawn():
    while time.monotonic() < end:
        threading.Thread(target=work).start()

main, end = threading.get_ident(), time.monotonic() + 2
gc.set_threshold(5, 1, 1)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=look), threading.Thread(target=spawn)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("alive")
"""


def test_no_deadlock_with_the_collector() -> None:
    """A gateway whose watch looks while garbage is collected goes on."""
    done = subprocess.run(
        [sys.executable, "-c", _STRESS], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "alive\n"


def test_a_thread_that_is_there_and_one_that_is_not() -> None:
    """The first has a frame, the other none."""
    here = frame_of(threading.get_ident())
    assert here is not None
    assert frame_of(1) is None
