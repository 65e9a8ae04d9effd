"""A gateway with a dashboard on loopback, and people who visit it with a cookie jar but without a browser."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import httpx

from gaud_core import Call, HTTPProvider, Model, Price, Secret, option, settings
from gaud_core.access import Door, People
from gaud_core.access.patience import Patience
from gaud_core.app import create_app
from gaud_core.config import Auth, Config, Data, Instance
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.store import Store

from ..clock import Clock
from ..loopback import NO_TLS, on_loopback

ADMIN = "sk-prx-test-administrator"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.")


class Acme(HTTPProvider[AcmeSettings]):
    """An upstream with two models, one of which has a name that a page must escape."""

    name = "acme"
    label = "Acme"

    def headers(self, call: Call) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def known_models(self) -> Sequence[Model]:
        """One with a price, one with a bad name."""
        return (
            Model("m", price=Price(input=1_000_000_000, output=2_000_000_000)),
            Model("<script>alert(1)</script>", owned_by='"><img src=x>'),
        )


@attrs.frozen
class House:
    """A gateway that runs; `waits` holds what wrong keys were made to wait."""

    url: str
    gateway: Gateway
    clock: Clock
    waits: list[float]
    stack: contextlib.ExitStack

    @property
    def store(self) -> Store:
        """The gateway's store."""
        assert self.gateway.store is not None
        return self.gateway.store

    @property
    def people(self) -> People:
        """The register, on the gateway's clock."""
        return People(self.store, self.clock)

    def member(self, name: str = "Ada", **limits: Any) -> tuple[str, str]:
        """Make a member and give his id and the text of his key."""
        user = self.people.create_user(name, actor="test")
        return user.id, self.people.create_key(user.id, actor="test", **limits)[1]

    def nobody(self) -> Visitor:
        """Somebody without a session."""
        client = httpx.Client(base_url=self.url, timeout=20, trust_env=False, verify=NO_TLS)
        return Visitor(self.stack.enter_context(client))

    def visitor(self, key: str = ADMIN) -> Visitor:
        """Somebody who has signed in."""
        found = self.nobody()
        answer = found.sign_in(key)
        assert answer.status_code == 303, answer.text
        return found


@attrs.frozen
class Visitor:
    """A browser's jar of cookies, and how it sends forms."""

    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Look at a page; a redirect is not followed."""
        return self.client.get(path, headers=headers)

    def token(self) -> str:
        """Give what forms carry, from a page that everybody sees."""
        page = self.client.get("/ui/nowhere").text
        found = _TOKEN.search(page)
        assert found, page
        return found[1]

    def post(self, path: str, /, **fields: str) -> httpx.Response:
        """Send a form from a page of one's own."""
        return self.client.post(path, data={"csrf": self.token(), **fields})

    def sign_in(self, key: str, **fields: str) -> httpx.Response:
        """Paste a key."""
        return self.post("/ui/login", key=key, **fields)


@contextlib.contextmanager
def house(folder: Path, upstream: str, *, auth: bool = True, **sections: Any) -> Iterator[House]:
    """Run a gateway with a dashboard; wrong keys wait for as long as they should, but nobody does."""
    config = Config(
        auth=Auth(enabled=auth, bootstrap_key=Secret(ADMIN) if auth else None),
        data=Data(dir=folder),
        instances={"acme": Instance(name="acme", provider="acme", settings=AcmeSettings(url=upstream))},
        **sections,
    )
    app = create_app(config, plugins=[Plugin("acme", "gaud-acme", "1.0", Acme)])
    clock, waits = Clock(), list[float]()
    gateway: Gateway = app.state.gateway

    async def note(seconds: float) -> None:
        waits.append(seconds)

    with contextlib.ExitStack() as stack, on_loopback(app) as port:
        patience = Patience(clock=lambda: 0.0, sleep=note)
        door = Door(gateway.store, config, clock, patience) if gateway.store else None
        gateway.current = attrs.evolve(gateway.current, door=door)
        gateway.ledger.books.clock = clock
        yield House(f"http://127.0.0.1:{port}", gateway, clock, waits, stack)
