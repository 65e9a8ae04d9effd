"""A small HTTP/1.1 client for the relay: bytes in, bytes out, one pool for each provider instance.

`pool.py` keeps connections, `connection.py` is one of them, `request.py` is what goes out, `answer.py` what
comes back.
"""

from __future__ import annotations

from gaud_core.gateway.client.answer import Answer, Broken, NoAnswer, NotHTTP, Sink
from gaud_core.gateway.client.pool import Pool, Unreachable

__all__ = ["Answer", "Broken", "NoAnswer", "NotHTTP", "Pool", "Sink", "Unreachable"]
