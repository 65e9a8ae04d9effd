"""Images and sound: answers that are long, files, or counted in something else than tokens."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import attrs
import msgspec

from gaud_core.call import Body, Usage, replace
from gaud_core.gateway.dialects.base import Passthrough, Watch, require_json
from gaud_core.gateway.dialects.counts import read_usage
from gaud_core.gateway.dialects.events import EventsWatch, notable
from gaud_core.ledger import Worst, prompt_tokens, worst_of, worst_of_units
from gaud_core.provider import Model
from gaud_core.sse import Mark

__all__ = ["Images", "Speech", "Transcriptions"]

_IMAGE_TOKENS = 8192  # of an answer; the largest that OpenAI's models make has 6240
_MOST_IMAGES = 128
_MOST_SECONDS = 10**9


class _Made(msgspec.Struct):
    data: Any = None
    usage: Any = None


class _Heard(msgspec.Struct):
    duration: Any = None
    usage: Any = None


_made = msgspec.json.Decoder(_Made)
_heard = msgspec.json.Decoder(_Heard)


class Images(Passthrough):
    """The dialect of `images/…`: each image has a price, or is made of tokens."""

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the images that are asked for."""
        price = model.price if model else None
        asked = worst_of(
            prompt_tokens(body.raw),
            {"max_tokens": _IMAGE_TOKENS, "n": body.lengths.get("n")},
            price,
            max_output_tokens=model.max_output_tokens if model else None,
        )
        return worst_of_units(asked, _images(body), "images", price)

    def usage(self, answer: bytes) -> Usage | None:
        """Count the images, and read their tokens where they have some."""
        try:
            found = _made.decode(answer)
        except (msgspec.DecodeError, RecursionError):
            require_json(answer)
            return None
        return _with(found.usage, len(found.data) if isinstance(found.data, list) else 0, "images")

    def measured(self, body: Body) -> Usage | None:
        """Give the number asked for, for an answer that is too long to be looked through."""
        return Usage(quantity=_images(body), unit="images")

    def watch(self, body: Body) -> Watch:
        """Watch for images that are complete."""
        return _ImagesWatch()


@attrs.define
class _ImagesWatch(EventsWatch):
    notable: ClassVar[Mark] = notable("image_generation.completed", "image_edit.completed")
    _count: int = 0

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Add up: each image has an event, and none says that it is the last."""
        if kind.endswith(".completed"):
            self.ended = True
            self._count += 1
            self.usage = _sum(self.usage, _with(event.get("usage"), 1, "images"))


class Speech(Passthrough):
    """The dialect of `audio/speech`: text in, a file or events out."""

    binary: ClassVar[bool] = True

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the characters that are to be spoken; what they cost as tokens of sound nobody can say."""
        tokens = Worst(worst_of(prompt_tokens(body.raw), {}, None).tokens)
        return worst_of_units(tokens, _characters(body), "characters", model.price if model else None)

    def measured(self, body: Body) -> Usage | None:
        """Give the characters."""
        return Usage(quantity=_characters(body), unit="characters")

    def watch(self, body: Body) -> Watch:
        """Watch for the end of the sound, whose event tells tokens."""
        return _SpeechWatch()


@attrs.define
class _SpeechWatch(EventsWatch):
    notable: ClassVar[Mark] = notable("speech.audio.done")
    ends: ClassVar[frozenset[str]] = frozenset({"speech.audio.done"})

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Take the tokens."""
        if kind in self.ends:
            self.usage = read_usage(event.get("usage"))


class Transcriptions(Passthrough):
    """The dialect of `audio/transcriptions` and `audio/translations`: JSON, text, subtitles or events out."""

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the longest text; how long the sound is nobody knows before it was heard."""
        longest = model.max_output_tokens if model else None
        return Worst(worst_of(0, {}, None, max_output_tokens=longest).tokens)

    def usage(self, answer: bytes) -> Usage | None:
        """Read tokens or seconds of an answer in JSON; subtitles and text tell neither."""
        try:
            found = _heard.decode(answer)
        except (msgspec.DecodeError, RecursionError):
            return None
        seconds = found.duration
        if isinstance(seconds, str):
            seconds = _number(seconds)
        known = isinstance(seconds, int | float) and 0 < seconds < _MOST_SECONDS
        return _with(found.usage, math.ceil(seconds) if known else 0, "seconds")

    def watch(self, body: Body) -> Watch:
        """Watch for the whole text, whose event tells tokens."""
        return _TranscriptionsWatch()


@attrs.define
class _TranscriptionsWatch(EventsWatch):
    notable: ClassVar[Mark] = notable("transcript.text.done")
    ends: ClassVar[frozenset[str]] = frozenset({"transcript.text.done"})

    def read(self, kind: str, event: dict[str, Any]) -> None:
        """Take the tokens."""
        if kind in self.ends:
            self.usage = read_usage(event.get("usage"))


def _with(usage: Any, quantity: int, unit: str) -> Usage | None:
    """Join what `usage` tells with what was counted beside it."""
    told = read_usage(usage)
    if not quantity or (told and told.quantity):
        return told
    return replace(told or Usage(), quantity=quantity, unit=unit)


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "quantity")
    return replace(other, **{name: getattr(one, name) + getattr(other, name) for name in names})


def _images(body: Body) -> int:
    asked = body.lengths.get("n")
    if isinstance(asked, str):
        asked = _number(asked)
    return min(max(int(asked), 1), _MOST_IMAGES) if isinstance(asked, int | float) else 1


def _characters(body: Body) -> int:
    spoken = body.json().get("input")
    return len(spoken) if isinstance(spoken, str) else 0


def _number(text: str) -> float | None:
    try:
        return float(text[:50])
    except ValueError:
        return None
