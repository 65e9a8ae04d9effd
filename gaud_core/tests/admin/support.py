"""The admin API on loopback, on a store of its own, with an administrator and a member."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import httpx
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from gaud_core.access import Door, People
from gaud_core.access.patience import Patience
from gaud_core.admin import Desk, admin_routes
from gaud_core.app import _api_error, _http_error
from gaud_core.config import Config
from gaud_core.errors import ApiError
from gaud_core.observe.exchanges import Exchanges
from gaud_core.store import Store
from gaud_core.store.schema import calls

from ..clock import NOON, Clock
from ..loopback import NO_TLS, on_loopback


@attrs.frozen
class Served:
    """The API that runs, with one client for each kind of caller."""

    url: str
    store: Store
    people: People
    clock: Clock
    root: str
    """The id of the administrator who asks."""
    admin: httpx.Client
    member: httpx.Client
    nobody: httpx.Client

    def ok(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """Ask as the administrator for something that must work, and give its JSON."""
        answer = self.admin.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, status: int = 400, **more: Any) -> Any:
        """Ask as the administrator for something that must be refused, and give the error."""
        answer = self.admin.request(method, path, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()["error"]

    def user(self, name: str = "Ada", role: str = "member") -> str:
        """Add a user and give his id."""
        return self.people.create_user(name, role, actor="test").id

    def key(self, user: str) -> str:
        """Give a user a key and give its id."""
        return self.people.create_key(user, actor="test")[0].id


def _door(store: Store, clock: Clock) -> Door:
    """A door that forgives every wrong key before the next one comes."""
    return Door(store, Config(), clock, Patience(clock=itertools.count(0, 1000).__next__))


def make_app(desk: Desk) -> Starlette:
    """The routes with what stands around them in the gateway."""
    app = Starlette(
        routes=list(admin_routes(desk)),
        middleware=[Middleware(Exchanges)],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    return app


@contextlib.contextmanager
def serving(store: Store, desk: Callable[[Desk], Desk] = lambda desk: desk) -> Iterator[Served]:
    """Serve the API on a store; `desk` may change what it works with."""
    clock = Clock()
    people = People(store, clock)
    root = people.create_user("Root", "admin", actor="test")
    guest = people.create_user("Guest", actor="test")
    texts = [people.create_key(user.id, actor="test")[1] for user in (root, guest)]
    made = desk(Desk(people, store, _door(store, clock).administrator, clock))
    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{stack.enter_context(on_loopback(make_app(made)))}"
        sent = [{"authorization": f"Bearer {text}"} for text in texts]
        clients = [
            httpx.Client(base_url=url, headers=headers, timeout=10, verify=NO_TLS) for headers in (*sent, {})
        ]
        for client in clients:
            stack.enter_context(client)
        yield Served(url, store, people, clock, root.id, *clients)


def book(store: Store, call: str, **fields: Any) -> None:
    """Write a row as the ledger would."""
    book_all(store, [{"id": call, **fields}])


def book_all(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many rows, each with the same columns, in one transaction."""
    usual = {
        "worker": "w",
        "instance": "acme",
        "provider": "acme",
        "model": "gpt-4o",
        "endpoint": "chat/completions",
        "stream": False,
        "on_disconnect": "cancel",
        "state": "settled",
        "status": 200,
        "reserved_tokens": 0,
        "admitted_at": NOON,
    }
    with store.writing() as connection:
        connection.execute(insert(calls), [{**usual, **row} for row in rows])
