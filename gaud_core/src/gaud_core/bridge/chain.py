"""Two bridges one after the other, where none leads the whole way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core.bridge.base import Bridge, Crossing, Stream
from gaud_core.errors import ApiError
from gaud_core.sse import data_of, events_in

__all__ = ["Chain"]


@attrs.frozen
class Chain:
    """Goes over `first`, then over `second`; `names` says how the caller calls what the second may drop."""

    first: Bridge
    second: Bridge
    names: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """Both ends: `messages-to-responses`."""
        return f"{self.first.name.partition('-to-')[0]}-to-{self.second.name.partition('-to-')[2]}"

    @property
    def source(self) -> str:
        """Where the first begins."""
        return self.first.source

    @property
    def target(self) -> str:
        """Where the second ends."""
        return self.second.target

    def cross(self, asked: Mapping[str, Any], call_id: str) -> Crossing:
        """Translate a request twice."""
        near = self.first.cross(asked, call_id)
        return _Crossing(near, self.second.cross(json.loads(near.body), call_id), self.names)


@attrs.frozen
class _Crossing:
    near: Crossing
    far: Crossing
    names: Mapping[str, str]

    @property
    def body(self) -> bytes:
        """What comes out at the far end."""
        return self.far.body

    @property
    def dropped(self) -> tuple[str, ...]:
        """What either bridge could not carry."""
        far = [self.names.get(name, name) for name in self.far.dropped]
        return tuple(dict.fromkeys([*self.near.dropped, *far]))

    def answer(self, told: Mapping[str, Any]) -> bytes:
        """Translate a whole answer twice."""
        return self.near.answer(json.loads(self.far.answer(told)))

    def stream(self) -> Stream:
        """Begin a streamed answer."""
        return _Stream(self.near.stream(), self.far.stream())


@attrs.define
class _Stream:
    near: Stream
    far: Stream

    def feed(self, told: Mapping[str, Any]) -> bytes:
        """Take an event of the far end."""
        return self._near(self.far.feed(told))

    def end(self, *, done: bool) -> bytes:
        """Give the last events."""
        return self._near(self.far.end(done=done)) + self.near.end(done=True)

    def fail(self, error: ApiError) -> bytes:
        """Tell what broke as the caller hears it."""
        return self.near.fail(error)

    def _near(self, events: bytes) -> bytes:
        told = (data_of(event) for event in events_in(events))
        return b"".join([self.near.feed(json.loads(data)) for data in told if data != b"[DONE]"])
