"""A real gateway on loopback, in a thread of its own, with the providers that a test brings along."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs

from gaud_core import (
    Call,
    Context,
    HTTPProvider,
    Provider,
    Reply,
    Secret,
    Timeouts,
    UpstreamRequest,
    option,
    settings,
)
from gaud_core.app import create_app
from gaud_core.config import Auth, Breaker, Config, Data, Instance, Server
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.gateway.http_protocol import protocol_with_limit
from gaud_core.gateway.instances.breaker import CircuitBreaker
from gaud_core.gateway.instances.instance import Instance as GatewayInstance

from ..loopback import on_loopback
from .wire import Answered, HeaderLines, Wire, chat, head_of, post

NEVER = Breaker(failure_threshold=1_000_000)
"""A breaker that stays out of the way of tests that are about something else."""
UPSTREAM_KEY = "sk-upstream-test-key"


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.")
    api_key: Secret | None = option(default=Secret(UPSTREAM_KEY), help="Key.")
    timeout_secs: float = option(default=20.0, help="Time limit.")
    connect_secs: float = option(default=10.0, help="Time limit.")
    first_byte_secs: float = option(default=20.0, help="Time limit.")
    idle_secs: float = option(default=20.0, help="Time limit.")


class Acme(HTTPProvider[AcmeSettings]):
    """An upstream that speaks the client's dialect."""

    name = "acme"
    label = "Acme"
    inside: ClassVar[tuple[str, ...]] = ("x-acme-",)

    def headers(self, call: Call) -> Mapping[str, str]:
        """The key of the upstream, and the id of the call."""
        key = self.settings.api_key
        return {"x-call-id": call.id, **({"authorization": f"Bearer {key.reveal()}"} if key else {})}

    def timeouts(self) -> Timeouts:
        """Each limit on its own."""
        s = self.settings
        return Timeouts(s.connect_secs, s.first_byte_secs, s.idle_secs, s.timeout_secs)


@settings
class GuestSettings:
    """Settings of a provider that needs none."""

    note: str = option(default="", help="Nothing.")


@attrs.frozen
class Served:
    """A gateway that runs, and how to talk to it."""

    port: int
    gateway: Gateway

    def wire(self, timeout: float = 5.0) -> Wire:
        """Open a connection."""
        return Wire(self.port, timeout)

    def send(self, data: bytes) -> Answered:
        """Send bytes as they are and read one answer."""
        with self.wire() as wire:
            wire.send(data)
            return wire.answer()

    def get(self, target: str, headers: HeaderLines = (), method: str = "GET") -> Answered:
        """Ask for a page."""
        return self.send(head_of(method, target, headers))

    def post(self, body: bytes, headers: HeaderLines = ()) -> Answered:
        """Make a chat call with this body."""
        return self.send(post(body, headers))

    def chat(self, model: str = "acme:m", headers: HeaderLines = (), **fields: Any) -> Answered:
        """Make a well-formed chat call."""
        return self.post(chat(model, **fields), headers)

    def is_well(self) -> bool:
        """Whether it goes on serving."""
        answered = self.get("/health")
        return answered.status == 200 and answered.complete


@attrs.frozen
class Starter:
    """Starts gateways: `serve(acme=AcmeSettings(...))`, or with other providers' classes."""

    folder: Path
    stack: contextlib.ExitStack
    stopping: list[threading.Thread]
    """Servers that have been told to stop; nobody waits for them before the session ends."""

    def __call__(
        self,
        *providers: type[Provider[Any]],
        acme: AcmeSettings | None = None,
        kind: type[Acme] = Acme,
        breaker: Breaker = NEVER,
        server: Server | None = None,
        key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        more: Mapping[type[Provider[Any]], Any] | None = None,
        **sections: Any,
    ) -> Served:
        """Run a gateway until the test ends; `providers` get instances of their own names.

        It is open to all unless an administrator's `key` is given; `kind` serves as `acme`, `more` are others
        with their settings, and `sections` are further ones of the file.
        """
        found: dict[type[Provider[Any]], Any] = {cls: GuestSettings() for cls in providers}
        found |= ({kind: acme} if acme else {}) | dict(more or {})
        names = {cls.name: values for cls, values in found.items()}
        config = Config(
            server=server or Server(),
            breaker=breaker,
            auth=Auth(enabled=key is not None, bootstrap_key=Secret(key) if key else None),
            data=Data(dir=self.folder),
            instances={n: Instance(name=n, provider=n, settings=s) for n, s in names.items()},
            **sections,
        )
        plugins = [Plugin(cls.name, f"gaud-{cls.name}", "1.0", cls) for cls in found]
        app = create_app(config, plugins=plugins)
        app.state.gateway.clock = clock
        return self.stack.enter_context(running(app, config, self.stopping))


def instance_of(
    cls: type[Provider[Any]], name: str = "", clock: Callable[[], float] = time.monotonic
) -> GatewayInstance:
    """Make an instance of a provider that needs no network, not started."""

    async def send(request: UpstreamRequest) -> Reply:
        raise AssertionError("no network here")

    log = logging.getLogger("gaud.provider.test")
    context = Context(name or cls.name, send, _no_client, Path("nowhere"), log)
    breaker = CircuitBreaker(name or cls.name, 3, 30.0, 2, clock)
    return GatewayInstance(name or cls.name, cls(GuestSettings(), context), breaker)


def _no_client() -> Any:
    raise AssertionError("no network here")


@contextlib.contextmanager
def running(app: Any, config: Config, stopping: list[threading.Thread]) -> Iterator[Served]:
    """Serve an application on a free port while the block runs."""
    protocol = protocol_with_limit(config.server.max_header_bytes)
    with on_loopback(app, stopping, http=protocol) as port:
        yield Served(port, app.state.gateway)


def eventually(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something holds that another thread brings about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now
