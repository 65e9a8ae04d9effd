"""What crosses the boundary between the gateway and a provider: Body, Call, Reply, Usage."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import attrs
import msgspec
from msgspec import structs

from gaud_core.errors import BadRequest
from gaud_core.splice import append_member, members, rename_members, replace_members

__all__ = ["Body", "Call", "Reply", "Usage", "replace"]

T = TypeVar("T")

Headers = tuple[tuple[str, str], ...]


class _Routing(msgspec.Struct):
    """The only members that the gateway reads; everything else is checked for syntax and skipped."""

    model: Any = msgspec.UNSET
    stream: Any = msgspec.UNSET
    stream_options: Any = msgspec.UNSET
    max_tokens: Any = msgspec.UNSET
    max_completion_tokens: Any = msgspec.UNSET
    max_output_tokens: Any = msgspec.UNSET
    n: Any = msgspec.UNSET
    best_of: Any = msgspec.UNSET


_routing = msgspec.json.Decoder(_Routing)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

_LENGTHS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"})
_READ = frozenset(_Routing.__struct_fields__)
_SHORT = 64 * 1024
_MOST_QUOTES = 10_000  # beyond that many members, their dictionary would take much more room than the body
_YES = frozenset({"true", "1", "yes", "on"})
_ASKING = b'{"include_usage":true}'


class Body(msgspec.Struct, frozen=True, dict=True):
    """A JSON request body, byte for byte as the client sent it.

    `Body.parse` raises BadRequest for what no upstream could read. `raw` is what travels on; `json()`
    is for providers that translate, and costs a full decode the first time.
    """

    raw: bytes
    model: str
    stream: bool = False
    stream_options: Any = msgspec.UNSET
    lengths: Mapping[str, Any] = {}
    """What the request says of how long its answer may become: `max_tokens` and such, `n`, `best_of`."""

    @classmethod
    def parse(cls, raw: bytes) -> Body:
        """Check the bytes once and read what routing needs; of a repeated member the last one counts."""
        read = _read_at_once(raw)
        if read is None:
            read = _read_in_turn(raw)
        lengths = {name: value for name, value in read.items() if name in _LENGTHS}
        model = _model_name(read.get("model", msgspec.UNSET))
        return cls(raw, model, read.get("stream") is True, read.get("stream_options", msgspec.UNSET), lengths)

    @classmethod
    def without_model(cls, raw: bytes) -> Body:
        """Take a body that names no model: empty, or any JSON object."""
        if raw:
            _decode(raw)
        return cls(raw, "")

    @classmethod
    def of_form(cls, model: str, fields: Mapping[str, str]) -> Body:
        """Stand for a form, whose bytes are elsewhere, with what its fields say."""
        lengths = {name: fields[name] for name in _LENGTHS if name in fields}
        return cls(b"", _model_name(model), fields.get("stream", "").lower() in _YES, lengths=lengths)

    @property
    def asks_for_usage(self) -> bool:
        """Whether the client wants the usage chunk of a stream."""
        return isinstance(self.stream_options, dict) and self.stream_options.get("include_usage") is True

    def json(self) -> dict[str, Any]:
        """The decoded body, shared by all callers: read it, do not change it."""
        return self._decoded

    @cached_property
    def _decoded(self) -> dict[str, Any]:
        try:
            decoded: dict[str, Any] = json.loads(self.raw)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, for instance
            raise BadRequest(f"The request body cannot be translated: {error}.") from None
        return decoded

    def with_model(self, model: str) -> Body:
        """The same bytes with another model name, in each place where the name stands."""
        if model == self.model:
            return self
        name = msgspec.json.encode(model)
        raw = replace_members(self.raw, "model", name)
        return Body(raw, model, self.stream, self.stream_options, self.lengths)

    def with_member(self, name: str, value: Any) -> Body:
        """The same bytes with another value for a member, or with that member at the end; not for `model`."""
        text = json.dumps(value).encode()
        there = any(key == name for key, _, _ in members(self.raw))
        change = replace_members if there else append_member
        return Body.parse(change(self.raw, name, text))

    def renamed(self, name: str, new: str) -> Body:
        """The same bytes with another name for one member; not for `model`."""
        return Body.parse(rename_members(self.raw, name, new))

    def asking_for_usage(self) -> Body:
        """The same bytes with `stream_options.include_usage` set, for the books."""
        if self.asks_for_usage:
            return self
        if self.stream_options is msgspec.UNSET:
            return replace(self, raw=append_member(self.raw, "stream_options", _ASKING))
        if self.stream_options is not None and not isinstance(self.stream_options, dict):
            return self  # not an object: the upstream's own complaint is the best answer
        *_, (begin, end) = [
            (begin, end) for name, begin, end in members(self.raw) if name == "stream_options"
        ]
        options = self._options_with_usage(self.raw[begin:end])
        return replace(self, raw=self.raw[:begin] + options + self.raw[end:])

    def _options_with_usage(self, options: bytes) -> bytes:
        if not self.stream_options:
            return _ASKING
        if "include_usage" in self.stream_options:
            return replace_members(options, "include_usage", b"true")
        return append_member(options, "include_usage", b"true")


class Usage(msgspec.Struct, frozen=True):
    """What a call has used, as the upstream counted it; `cost_usd` is its own price, as it spelled it.

    Tokens read from a cache and tokens written to one are part of the input, reasoning is part of the output.
    Where something else than tokens is counted, `quantity` says how many of `unit`: images, seconds,
    characters or searches.

    With `estimated` nobody has counted: the answer says so, and so does the source of the cost in the books.
    `milliunits` is what the call has taken of its account's allowance, where only its end tells that; `extra`
    are more members for the answer's `usage`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: str | None = None
    cache_write_tokens: int = 0
    quantity: int = 0
    unit: str = ""
    estimated: bool = False
    milliunits: int | None = None
    extra: Mapping[str, Any] = {}


class Call(msgspec.Struct, frozen=True):
    """One request on its way to a provider.

    `model` is the name without the routing prefix and stands in `body` already. `headers` are those of
    the client's that may travel: names in lower case, no credentials, nothing hop-by-hop. `user` is the
    id of who calls, None when keys are switched off. `query` is what stands behind the `?` of the URL, as
    sent. With `open_ended` only silence ends the call, and not its length.

    Calls that ask for something by its id have another `method` than POST, or a `path` that is longer than
    the endpoint: `files/file-1/content` of `files`. Without one it is the endpoint.

    A form's bytes are in `content`, and `body` is empty then: they come as the client sends them, once, and
    the model's name in them is changed already. `length` is how many there are, where the client says it.
    """

    id: str
    endpoint: str
    model: str
    body: Body
    headers: Mapping[str, str] = {}
    user: str | None = None
    query: str = ""
    open_ended: bool = False
    method: str = "POST"
    path: str = ""
    content: AsyncIterator[bytes] | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        if not self.path:
            structs.force_setattr(self, "path", self.endpoint)

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""
        return self.body.stream


async def _nothing() -> None:
    """Close nothing."""


class Reply(msgspec.Struct, frozen=True):
    """A provider's answer: the upstream's status and bytes, or a stream of them.

    `headers` have names in lower case. An iterator in `content` may raise ProviderError when the
    upstream breaks. The gateway calls `aclose` exactly once, also when the client leaves. `cost_usd` is what
    the upstream says outside of the body that the call has cost, as it spelled it. `milliunits` is how many
    thousandths of its account's unit the call takes, where that is not what its model's Price says.
    """

    status: int
    headers: Headers
    content: bytes | AsyncIterator[bytes]
    aclose: Callable[[], Awaitable[None]] = _nothing
    cost_usd: str | None = None
    milliunits: int | None = None

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name (lower case), or the default."""
        for key, value in self.headers:
            if key == name:
                return value
        return default


def replace(value: T, **fields: Any) -> T:
    """The same value with other fields, of whichever class in `gaud_core`: they are frozen."""
    if isinstance(value, msgspec.Struct):
        return structs.replace(value, **fields)
    known: Any = value  # a value of attrs, which a type variable cannot say
    made: T = attrs.evolve(known, **fields)
    return made


def _decode(raw: bytes) -> dict[str, Any]:
    if not raw or raw.isspace():
        raise BadRequest("The request has no body. Send a JSON object with at least `model` and `messages`.")
    try:
        str(raw, "utf-8")  # msgspec does not look inside the strings it skips
        read = structs.asdict(_routing.decode(raw))
        return {name: value for name, value in read.items() if value is not msgspec.UNSET}
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"The request body is not valid UTF-8: {error.reason} at byte {error.start}."
        ) from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    except msgspec.ValidationError as error:
        found = str(error).rpartition("got ")[2].strip("`")
        raise BadRequest(f"The request body must be a JSON object; this one is a JSON {found}.") from None
    except msgspec.DecodeError as error:
        return _decode_slowly(raw, str(error))


def _decode_slowly(raw: bytes, reason: str) -> dict[str, Any]:
    """Accept lone surrogate escapes, which JSON's grammar allows and the fast parser does not."""
    if "escape" in reason or "truncated" in reason:  # the latter for half a character at the very end
        try:
            decoded = json.loads(raw, parse_int=str, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            decoded = None
        if isinstance(decoded, dict):
            return {name: value for name, value in decoded.items() if name in _READ}
    what = reason.replace("JSON is malformed: ", "").replace("Input data was truncated", "it ends too early")
    raise BadRequest(f"The request body is not valid JSON: {what}.")


def _read_at_once(raw: bytes) -> dict[str, Any] | None:
    """Read what routing needs and look at all names in one pass; None for what must be looked at closer."""
    if len(raw) > _SHORT and raw.count(b'"') > _MOST_QUOTES:
        return None
    read: dict[str, Any] = {}
    try:
        str(raw, "utf-8")  # msgspec does not look inside the strings it skips
        for name, text in _members.decode(raw).items():
            if name in _READ:
                read[name] = _value.decode(text)
            elif name.casefold() in _READ:
                raise _lookalike(name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return read


def _read_in_turn(raw: bytes) -> dict[str, Any]:
    """Do the same for what is wrong, or strange, or has very many members."""
    read = _decode(raw)
    for name, _, _ in members(raw):
        if name not in _READ and name.casefold() in _READ:
            raise _lookalike(name)
    return read


def _lookalike(name: str) -> BadRequest:
    """Say what is wrong with `Model`: an upstream that ignores case would read what Gaud has not checked."""
    told = f"The request has a member `{name}`. Write `{name.casefold()}`, in lower case."
    return BadRequest(told, param=name, code="misspelled_member")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _model_name(model: Any) -> str:
    if model is msgspec.UNSET:
        raise BadRequest("The request names no `model`.", param="model", code="missing_model")
    if not isinstance(model, str):
        raise BadRequest("`model` must be a string.", param="model", code="invalid_model")
    if not model.strip():
        raise BadRequest("`model` is empty.", param="model", code="missing_model")
    if not model.isprintable():
        raise BadRequest(
            "`model` holds characters that no model name has.", param="model", code="invalid_model"
        )
    return model
