"""A connection that is free is the next call's at once, before the reader of the last answer has woken up."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gaud_core.gateway.client.connection import Connection

from .wires import connected, sent

pytestmark = pytest.mark.anyio
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def _first(connection: Connection) -> asyncio.Task[None]:
    """A call whose answer has come; its reader has not woken up yet."""
    reader = asyncio.create_task(sent(connection).begun(float("inf")))
    await asyncio.sleep(0)
    connection.data_received(ANSWER)
    return reader


async def test_the_next_call_keeps_its_time_limit() -> None:
    """Else an upstream that says nothing is waited for without end."""
    connection, wire = connected()
    reader = await _first(connection)
    answer = sent(connection)
    end = connection.loop.call_later(10, connection.abort)  # then it is NoAnswer
    with pytest.raises(TimeoutError):
        await answer.begun(connection.loop.time() + 0.02)
    end.cancel()
    await reader
    assert wire.aborted


async def test_the_next_call_outlives_the_reader_of_the_last() -> None:
    """A client who leaves in this moment takes nobody else's connection with him."""
    connection, wire = connected()
    reader = await _first(connection)
    answer = sent(connection)
    reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reader
    connection.data_received(ANSWER)
    await answer.begun(connection.loop.time() + 10)
    assert (answer.status, answer.taken(), wire.aborted) == (200, b"ok", False)


async def test_no_time_runs_for_an_idle_connection() -> None:
    """The limit of the last call does not close it."""
    connection, wire = connected()
    answer = sent(connection)
    connection.watch(connection.loop.time() + 0.01)
    connection.data_received(ANSWER)
    assert answer.complete
    fired = asyncio.Event()
    connection.loop.call_later(0.03, fired.set)
    await fired.wait()
    assert not wire.aborted
