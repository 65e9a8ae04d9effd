"""A good provider whose module uses the network when it is imported."""

from __future__ import annotations

import contextlib
import socket

from good import GoodHTTP

with contextlib.suppress(OSError), socket.socket() as home:
    home.connect(("127.0.0.1", 9))


class CallsHome(GoodHTTP):
    """It connects to somewhere."""
