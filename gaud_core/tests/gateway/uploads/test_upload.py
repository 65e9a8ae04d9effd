"""An upload without a socket: what a client does slowly or not at all, and a disk without room."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from gaud_core.errors import ApiError, BadRequest
from gaud_core.gateway.presence import ClientLeft
from gaud_core.gateway.uploads.upload import Upload

WANTED = frozenset({"model"})
MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nacme:m\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
END = b"\r\n--b--"


class Client:
    """Sends these pieces and then says nothing more, or leaves."""

    def __init__(self, pieces: Iterable[bytes], *, ends: bool = True, leaves: bool = False) -> None:
        self.pieces = list(pieces)
        self.ends, self.leaves = ends, leaves

    async def receive(self) -> MutableMapping[str, Any]:
        """Give the next ASGI message."""
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or not self.ends}
        if not self.leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def _upload(client: Client, folder: Path, **more: Any) -> Upload:
    return Upload({}, client.receive, 10_000_000, folder, **more)


async def _sent(upload: Upload, model: str = "m") -> bytes:
    assert await upload.find_model(b"b", WANTED) == "acme:m"
    upload.with_model(model)
    return b"".join([piece async for piece in upload.pieces()])


@pytest.mark.parametrize("size", [1, 7, 100_000, 400_000])
@pytest.mark.parametrize("model_first", [True, False])
async def test_any_pieces(tmp_path: Path, size: int, model_first: bool) -> None:
    """However a form comes, also with the model cut in two, it goes out whole; nothing stays on the disk."""
    content = FILE + b"x" * (300 if size < 10 else 600_000) + b"\r\n"
    form = (MODEL + content if model_first else content + MODEL)[:-2] + END
    pieces = [form[at : at + size] for at in range(0, len(form), size)]
    upload = _upload(Client(pieces), tmp_path)
    assert await _sent(upload, "longer/name") == form.replace(b"acme:m", b"longer/name")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - without a Path nobody takes it for slow
    upload.close()


@pytest.mark.parametrize("begun", [b"--b\r\n", MODEL + FILE, FILE])
async def test_a_client_who_stalls(tmp_path: Path, begun: bytes) -> None:
    """Silence ends the upload, wherever it comes."""
    upload = _upload(Client([begun], ends=False), tmp_path, stalled_secs=0.01)
    with pytest.raises(BadRequest) as stalled:
        await _sent(upload)
    upload.close()
    assert (stalled.value.http_status, stalled.value.error_code) == (408, "upload_stalled")


async def test_a_client_who_leaves_early(tmp_path: Path) -> None:
    """Before the model is known nobody else is there to hear of it."""
    upload = _upload(Client([FILE], ends=False, leaves=True), tmp_path)
    with pytest.raises(ClientLeft):
        await _sent(upload)
    upload.close()


async def test_a_client_who_leaves_late(tmp_path: Path) -> None:
    """Later the body waits to be cancelled, and whoever waits for his leaving hears of it."""
    upload = _upload(Client([MODEL + FILE], ends=False, leaves=True), tmp_path)
    sending = asyncio.create_task(_sent(upload))
    message = await upload.rest()
    assert (message["type"], message["gaud.unfinished"]) == ("http.disconnect", True)
    assert not sending.done()
    sending.cancel()


async def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk refuses the upload, and says how to do without it."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(ApiError) as refused:
        await _sent(_upload(Client([FILE, b"x\r\n" + MODEL[:-2] + END]), tmp_path))
    assert (refused.value.http_status, refused.value.error_code) == (503, "no_room_for_upload")
    assert "Put the field `model` before the file" in str(refused.value.hint)
    assert await _sent(_upload(Client([MODEL + FILE + END]), tmp_path))
