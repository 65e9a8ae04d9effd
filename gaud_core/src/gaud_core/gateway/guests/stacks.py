"""Looking at the stack of another thread without a deadlock."""

from __future__ import annotations

import gc
import sys
import threading
from types import FrameType

__all__ = ["frame_of"]

_looking = threading.Lock()


def frame_of(thread: int) -> FrameType | None:
    """Give what a thread is at now; None if it has ended.

    While CPython lists the frames it holds the lock on its list of threads. If garbage is collected just
    then, and a finalizer lets another thread run that wants that lock because it ends, both wait for ever:
    python/cpython#106883, still in 3.11.7. So nothing is collected meanwhile.
    """
    with _looking:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames().get(thread)
        finally:
            if was_enabled:
                gc.enable()
