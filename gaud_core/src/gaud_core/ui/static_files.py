"""Scripts, styles and pictures, served from the wheel; nothing is ever fetched from elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import Response

from gaud_core.errors import NotFound

__all__ = ["StaticFiles"]

_FOLDER: Final = Path(__file__).parent / "static"
_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_FOR_EVER = "public, max-age=31536000, immutable"


@attrs.frozen(eq=False)
class StaticFiles:
    """The files by name, each read once; their addresses change with their content."""

    _read: dict[str, tuple[bytes, str]] = attrs.field(factory=dict)

    def address(self, name: str) -> str:
        """Give the address of a file, which browsers may keep for ever."""
        return f"/ui/static/{name}?v={self._file(name)[1]}"

    async def serve(self, request: Request) -> Response:
        """Answer one file."""
        name = request.path_params["name"]
        if name not in self._read and name not in await asyncio.to_thread(_names):
            raise NotFound("There is no such file in the dashboard.")
        body, digest = await asyncio.to_thread(self._file, name)
        kept = _FOR_EVER if request.query_params.get("v") == digest else "no-cache"
        headers = {"cache-control": kept, "etag": f'"{digest}"', "x-content-type-options": "nosniff"}
        headers["content-security-policy"] = "default-src 'none'"
        if request.headers.get("if-none-match") == f'"{digest}"':
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=_KINDS[Path(name).suffix])

    def _file(self, name: str) -> tuple[bytes, str]:
        if name not in self._read:
            body = (_FOLDER / name).read_bytes()
            self._read[name] = (body, hashlib.sha256(body).hexdigest()[:16])
        return self._read[name]


def _names() -> set[str]:
    return {path.name for path in _FOLDER.iterdir() if path.suffix in _KINDS}
