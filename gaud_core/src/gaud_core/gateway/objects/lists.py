"""Lists of files and batches: the upstream's are of its whole account, the client's of his own."""

from __future__ import annotations

from typing import Any

import msgspec

from gaud_core.call import Reply, replace
from gaud_core.errors import UpstreamFailed
from gaud_core.gateway.objects.whereabouts import Whereabouts
from gaud_core.splice import keep_elements, members

__all__ = ["only_own"]

_LONGEST = 16 * 1024 * 1024


class _Item(msgspec.Struct):
    id: Any = None


class _List(msgspec.Struct):
    data: list[_Item]


_list = msgspec.json.Decoder(_List)


async def only_own(reply: Reply, whereabouts: Whereabouts) -> Reply:
    """Leave out of a list what is another user's; every other byte stays. UpstreamFailed if it is no list."""
    if reply.status >= 300:
        return reply
    answer = await _whole(reply)
    if reply.header("content-encoding", "identity").lower() != "identity":
        raise UpstreamFailed("The upstream compressed a list without being asked to.")
    try:
        ids = [str(item.id) for item in _list.decode(answer).data]
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamFailed("The upstream answered with something that is no list.") from None
    *_, (begin, end) = [(begin, end) for name, begin, end in members(answer) if name == "data"]
    kept = keep_elements(answer, begin, end, await whereabouts.own(ids))
    return replace(reply, content=kept)


async def _whole(reply: Reply) -> bytes:
    if isinstance(reply.content, bytes):
        return reply.content
    pieces: list[bytes] = []
    async for piece in reply.content:
        pieces.append(piece)
        if sum(map(len, pieces)) > _LONGEST:
            raise UpstreamFailed(
                f"The upstream's list has more than {_LONGEST} bytes. Ask for less with `limit`."
            )
    return b"".join(pieces)
