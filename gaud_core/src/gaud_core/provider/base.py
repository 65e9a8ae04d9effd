"""What every provider is: `Provider`, and the values that it takes and gives."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, get_args

import attrs
from msgspec import Struct

from gaud_core.call import Call, Reply
from gaud_core.errors import ProviderError

if TYPE_CHECKING:
    import httpx

__all__ = ["Context", "Health", "Model", "Price", "Provider", "Quota", "Timeouts", "UpstreamRequest"]

S = TypeVar("S")


def dollars(nanos: int) -> str:
    """Give nano-dollars as a decimal in US dollars, exactly."""
    return f"{Decimal(nanos).scaleb(-9).normalize():f}"


@attrs.frozen
class Price:
    """What a model costs, in nano-dollars (10⁻⁹ USD) per million tokens; None is unknown, never free.

    With `subscription` a flat fee pays for it: a call costs nothing more, whatever the tokens. Where the fee
    buys an allowance, such as a month's premium requests, `milliunits` is how many thousandths of its unit a
    call takes; the books keep it, and a Reply may say otherwise for its call.
    `image`, `second` (of sound) and `character` (to be spoken) are per million of these.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    subscription: bool = False
    milliunits: int | None = None
    image: int | None = None
    second: int | None = None
    character: int | None = None


@attrs.frozen
class Model:
    """A model as the upstream names it, without the routing prefix.

    An `id` that holds `*` is a pattern of names that the upstream also serves. `extra` is shown to
    clients in `/v1/models` as it is. `endpoints` are those that this model is served on, where they are
    fewer than the provider's; None is all of them.
    """

    id: str
    owned_by: str = ""
    created: int = 0
    price: Price | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    endpoints: frozenset[str] | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether the id stands for many names."""
        return "*" in self.id


@attrs.frozen
class Health:
    """Whether the upstream can be reached now; `detail` is a sentence when it cannot."""

    healthy: bool
    detail: str = ""


@attrs.frozen
class Quota:
    """An allowance of the account behind an instance, such as a month's premium requests.

    `left` and `limit` are in the upstream's own unit, which `name` says; None is unknown, and with
    `unlimited` there is no end. `resets_at` is a date or time as the upstream spells it.
    """

    name: str
    left: float | None = None
    limit: float | None = None
    unlimited: bool = False
    resets_at: str = ""


@attrs.frozen
class Timeouts:
    """Limits on one call, in seconds.

    `connect` until the connection stands, `first_byte` until the answer's first bytes, `idle` between
    two pieces of a stream, `total` for a whole answer from the request to its last byte.
    """

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 120.0
    total: float = 120.0


class UpstreamRequest(Struct, frozen=True):
    """An HTTP request that the gateway is to send for a provider.

    A `body` that comes in pieces is sent as it comes; `length` is how long it is, where that is known.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes]
    stream: bool = False
    method: str = "POST"
    timeouts: Timeouts = Timeouts()
    length: int | None = None


@attrs.frozen
class Context:
    """What the gateway lends to a provider instance.

    `send` is the gateway's own client: pooled, streaming, cancelled with the caller, and every failure
    a ProviderError. `http` makes an `httpx.AsyncClient` for logins and discovery; it is made at the
    first call and closed by the gateway. `data_dir` is the instance's own folder; it may not exist yet.
    """

    name: str
    send: Callable[[UpstreamRequest], Awaitable[Reply]]
    http: Callable[[], httpx.AsyncClient]
    data_dir: Path
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]


class Provider(Protocol[S]):
    """One kind of upstream; an instance of it serves one section of the configuration.

    A subclass names its settings class in brackets, `class Acme(Provider[AcmeSettings])`, sets `name`
    and writes `send`. Every method may raise ProviderError; any other exception is the plugin's fault
    and is reported as such.
    """

    name: ClassVar[str]
    """Its section `[providers.<name>]` and, for the instance of that name, its prefix `<name>:`."""
    label: ClassVar[str] = ""
    """Its name for people: "Acme"; the same as `name` when empty."""
    endpoints: ClassVar[frozenset[str]] = frozenset({"chat/completions"})
    """What it serves natively, as paths below `/v1/`."""
    patterns: ClassVar[tuple[str, ...]] = ()
    """Model names without prefix that it wants, as globs: `("gpt-*", "o1*")`; of an instance that lists its
    models, those among them."""
    contract: ClassVar[str] = "1.0"
    """The level of the conformance kit that it claims."""
    settings_class: ClassVar[type[Any]] = object
    """Set from the brackets."""

    settings: S
    ctx: Context

    def __init__(self, settings: S, ctx: Context) -> None:
        self.settings = settings
        self.ctx = ctx

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            named = [argument for argument in get_args(base) if isinstance(argument, type)]
            if named and "settings_class" not in cls.__dict__:
                cls.settings_class = named[0]

    async def start(self) -> None:
        """Get ready: once, before the first call, under a deadline; the network may be down."""
        self.ctx.log.debug("%s starts", self.ctx.name)

    async def stop(self) -> None:
        """Let go of everything, after the last call has ended."""
        self.ctx.log.debug("%s stops", self.ctx.name)

    def known_models(self) -> Sequence[Model]:
        """Give the models that need no asking, such as those listed in the settings."""
        return ()

    async def models(self) -> Sequence[Model]:
        """Ask the upstream for its models; the gateway adds `known_models` and keeps the result."""
        return ()

    def models_interval(self) -> float:
        """Seconds between two questions for models."""
        return 300.0

    async def health(self) -> Health:
        """Ask whether the upstream is up: cheap, spends no tokens. The gateway keeps the result."""
        return Health(healthy=True)

    def quotas(self) -> Sequence[Quota]:
        """Give what is known of the account's allowances, without asking: `/health` shows it."""
        return ()

    def explain(self, failure: ProviderError) -> str | None:
        """Name the cure for a failed call in a sentence to the operator, where one is known.

        The gateway logs it, shows it in `/health` and sends it along as `x-gaud-hint`. An upstream's
        own error answer comes as a ProviderError with its status, message and code.
        """
        return None

    def dropped(self, call: Call) -> Sequence[str]:
        """Name the fields of a call that cannot be said to the upstream; asked before the call is sent.

        `x-gaud-dropped` tells the caller, and with `routing.strict` the call is refused instead.
        """
        return ()

    async def send(self, call: Call) -> Reply:
        """Do one call."""
        raise NotImplementedError(f"{type(self).__name__} does not define send()")
