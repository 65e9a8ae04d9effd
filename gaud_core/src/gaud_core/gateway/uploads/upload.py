"""A request's body on its way to the upstream as it comes, with at most one field of it changed."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Mapping, MutableMapping
from pathlib import Path
from typing import IO, Any

import attrs

from gaud_core.errors import ApiError, BadRequest, BodyTooLarge
from gaud_core.gateway.intake import refuse_encoded
from gaud_core.gateway.presence import ClientLeft, Receive
from gaud_core.gateway.uploads.form import Field, FormScan

__all__ = ["Upload"]

_HEAD_BYTES = 256 * 1024
_PIECE_BYTES = 256 * 1024
_STALLED_SECS = 60.0


@attrs.define(eq=False)
class Upload:
    """The client's body; it is read as fast as the upstream takes it, and never held as a whole.

    `find_model` looks at the beginning. Only if the model comes after a file, the body is put into a
    temporary file first. `rest` is what the client says after the body, for whoever waits for his leaving.
    """

    headers: Mapping[bytes, bytes]
    receive: Receive
    limit: int
    folder: Path
    stalled_secs: float = _STALLED_SECS
    scan: FormScan | None = None
    _held: list[bytes] = attrs.field(factory=list)
    _size: int = 0
    _more: bool = True
    _left: bool = False
    _spool: IO[bytes] | None = None
    _edit: tuple[Field, bytes] | None = None
    _over: asyncio.Event = attrs.field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        refuse_encoded(self.headers)
        length = self._told()
        if length is not None and length > self.limit:
            raise self._too_large()

    @property
    def length(self) -> int | None:
        """How long the body is that goes out; None if the client has not said how long his is."""
        length = self._size if self._spool is not None else self._told()
        if length is None or self._edit is None:
            return length
        field, value = self._edit
        return length - (field.end - field.begin) + len(value)

    async def find_model(self, boundary: bytes, wanted: frozenset[str]) -> str:
        """Read as far as the model's name; other wanted fields are there if they come before a file."""
        self.scan = FormScan(boundary, wanted)
        while self._more and not self.scan.in_file and self._size <= _HEAD_BYTES:
            self._held.append(await self._next())
        if "model" not in self.scan.fields and self._more:
            await self._put_aside()
        self._check_end()
        found = self.scan.fields.get("model")
        if found is None:
            raise BadRequest("The form has no field `model`.", param="model", code="missing_model")
        return found.value

    def with_model(self, model: str) -> None:
        """Write another name in the place of the model's."""
        if self.scan is not None and self.scan.fields["model"].value != model:
            self._edit = (self.scan.fields["model"], model.encode())

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body, once."""
        held, self._held = b"".join(self._held), []
        if self._spool is not None:
            held = await asyncio.to_thread(self._spool.read, _PIECE_BYTES)
        at = 0
        while held or self._spool is None:
            if held:
                yield self._edited(held, at)
                at += len(held)
            if self._spool is not None:
                held = await asyncio.to_thread(self._spool.read, _PIECE_BYTES)
            elif self._more:
                held = await self._next_or_never()
            else:
                break
        self._check_end()

    async def rest(self) -> MutableMapping[str, Any]:
        """Receive what comes after the body, most often that the client has left; waits for its end."""
        await self._over.wait()
        if self._left:
            return {"type": "http.disconnect", "gaud.unfinished": True}
        return await self.receive()

    def close(self) -> None:
        """Let go of the temporary file."""
        if self._spool is not None:
            self._spool.close()

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self.stalled_secs):
                message = await self.receive()
        except TimeoutError:
            raise BadRequest(
                f"Nothing more came of the request's body for {self.stalled_secs:g} s.",
                status=408,
                code="upload_stalled",
            ) from None
        if message["type"] == "http.disconnect":
            self._left = True
            self._over.set()
            raise ClientLeft
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self.limit:
            raise self._too_large()
        if self.scan is not None:
            self.scan.feed(piece)
        if not message.get("more_body"):
            self._more = False
            self._over.set()
        return piece

    async def _next_or_never(self) -> bytes:
        """Wait to be cancelled if the client has left: whoever hears of that from `rest` sees to it."""
        try:
            return await self._next()
        except ClientLeft:
            await asyncio.Event().wait()
            raise

    async def _put_aside(self) -> None:
        """Put the whole body into a file without a name: where the model is, is only known at its end."""
        try:
            self._spool = await asyncio.to_thread(self._open)
            held, self._held = self._held, []
            while held or self._more:
                if self._more:
                    held.append(await self._next())
                if not self._more or sum(map(len, held)) >= _PIECE_BYTES:
                    await asyncio.to_thread(self._spool.write, b"".join(held))
                    held = []
            await asyncio.to_thread(self._spool.seek, 0)
        except OSError as error:
            raise _no_room(error) from None

    def _open(self) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.TemporaryFile(dir=self.folder)

    def _edited(self, piece: bytes, at: int) -> bytes:
        """Put the new value in the place of the old, as far as that stands in this piece."""
        if self._edit is None:
            return piece
        field, value = self._edit
        begin, end = field.begin - at, field.end - at
        if end <= 0 or begin >= len(piece):
            return piece
        return piece[: max(begin, 0)] + (value if begin >= 0 else b"") + piece[end:]

    def _check_end(self) -> None:
        if not self._more and self.scan is not None and not self.scan.complete:
            raise BadRequest("The form ends before its last boundary.", code="invalid_form")

    def _told(self) -> int | None:
        length = self.headers.get(b"content-length", b"")
        return int(length) if length.isdigit() else None

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The upload is longer than {self.limit} bytes (`server.max_upload_bytes`).")


def _no_room(error: OSError) -> ApiError:
    why = (
        "its disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "its data folder is not usable"
    )
    message = f"Gaud cannot hold this upload, because {why}."
    hint = "Put the field `model` before the file: then nothing has to be held."
    return ApiError(message, status=503, code="no_room_for_upload", hint=hint)
