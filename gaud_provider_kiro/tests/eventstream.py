"""Writes AWS's binary event stream, for the scripted Kiro; botocore reads it in the tests of this module."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ["event", "exception", "failure", "frame"]

Value = bool | int | bytes | str


def frame(headers: Mapping[str, Value], payload: bytes = b"") -> bytes:
    """One message."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


def event(kind: str, payload: Any) -> bytes:
    """An event of that type."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())


def exception(kind: str, message: str = "", reason: str | None = None) -> bytes:
    """An exception in the middle of an answer."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message, "reason": reason}).encode())


def failure(code: str, message: str) -> bytes:
    """An error that is none of the modelled ones."""
    return frame({":message-type": "error", ":error-code": code, ":error-message": message})


def _header(name: str, value: Value) -> bytes:
    key = name.encode()
    return bytes([len(key)]) + key + _value(value)


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"\x00" if value else b"\x01"
    if isinstance(value, int):
        return _integer(value)
    data = value.encode() if isinstance(value, str) else value
    return bytes([7 if isinstance(value, str) else 6]) + struct.pack(">H", len(data)) + data


def _integer(value: int) -> bytes:
    for kind, shape in ((2, ">b"), (3, ">h"), (4, ">i")):
        half = 1 << (struct.calcsize(shape) * 8 - 1)
        if -half <= value < half:
            return bytes([kind]) + struct.pack(shape, value)
    return b"\x05" + struct.pack(">q", value)
