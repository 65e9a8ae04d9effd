"""A good provider whose module takes its time."""

from __future__ import annotations

import time

from good import GoodHTTP

time.sleep(0.15)


class SlowImport(GoodHTTP):
    """Its import takes 150 ms."""
