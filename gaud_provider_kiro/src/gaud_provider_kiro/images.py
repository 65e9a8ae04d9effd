"""Images as Kiro takes them: their bytes, in four formats."""

from __future__ import annotations

import binascii
import re

from gaud_core import UpstreamRefused
from gaud_provider_kiro import wire

__all__ = ["FORMATS", "image_of"]

FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}

_DATA = re.compile(r"data:image/([a-z0-9.+-]+)((?:;[^;,]*)*),", re.IGNORECASE)
_WHITE = re.compile(r"\s+")


def image_of(url: str) -> wire.Image:
    """Read a `data:` address; UpstreamRefused for any other, since Gaud fetches nothing for a client."""
    found = _DATA.match(url)
    if found is None:
        raise _refusal("An image must be a `data:image/…;base64,` address; Kiro fetches none from the web.")
    kind = FORMATS.get(found[1].lower())
    if kind is None:
        raise _refusal("An image must be a PNG, JPEG, GIF or WebP; Kiro takes no other format.")
    base64 = _WHITE.sub("", url[found.end() :])
    if not found[2].lower().endswith(";base64") or not base64 or not _is_base64(base64):
        raise _refusal("The address of an image holds no base64.")
    return wire.Image.of(kind, base64)


def _is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return False


def _refusal(message: str) -> UpstreamRefused:
    return UpstreamRefused(message, status=400, code="invalid_image", param="messages")
