"""Calls that name no model: answers, files and batches by their ids, and lists of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from gaud_core.access import Identity
from gaud_core.call import Body, Call, replace
from gaud_core.errors import MethodNotAllowed, NotAllowed, NotFound
from gaud_core.gateway.dialects import Dialect
from gaud_core.gateway.dialects.objects import Batches, Content, Objects
from gaud_core.gateway.dialects.responses import Responses
from gaud_core.gateway.dispatch import Scope, Trip
from gaud_core.gateway.endpoint import Endpoint
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.headers import client_headers, query_of
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.objects.lists import only_own
from gaud_core.gateway.objects.whereabouts import PROVIDER_HEADER, Whereabouts
from gaud_core.gateway.presence import Receive
from gaud_core.ledger import Worst

__all__ = ["OBJECT_ROUTES", "ObjectRoute", "Operation"]

_ID = re.compile(r"[A-Za-z0-9._:=+~@,-]{1,1000}")
_SHOWN = 200


@attrs.frozen
class Operation:
    """One thing that can be asked for; `path` is below `/v1/`, with `{id}` where the id stands."""

    endpoint: str
    path: str
    methods: Sequence[str]
    dialect: Dialect
    is_list: bool = False
    makes: bool = False
    """Whether it begins something that costs, and gives out an id."""


OBJECT_ROUTES = (
    Operation("responses", "responses/{id}", ("GET", "DELETE"), Responses()),
    Operation("responses", "responses/{id}/cancel", ("POST",), Responses()),
    Operation("responses", "responses/{id}/input_items", ("GET",), Objects()),
    Operation("files", "files", ("GET",), Objects(), is_list=True),
    Operation("files", "files/{id}", ("GET", "DELETE"), Objects()),
    Operation("files", "files/{id}/content", ("GET",), Content()),
    Operation("batches", "batches", ("POST",), Batches(), makes=True),
    Operation("batches", "batches", ("GET",), Objects(), is_list=True),
    Operation("batches", "batches/{id}", ("GET",), Batches()),
    Operation("batches", "batches/{id}/cancel", ("POST",), Batches()),
)


@attrs.frozen
class ObjectRoute(Endpoint):
    """An ASGI endpoint that finds the upstream by an id that Gaud remembers, or by `x-gaud-provider`."""

    operation: Operation

    async def prepare(self, scope: Scope, receive: Receive, exchange: Exchange) -> Trip:
        """Read the request and find the upstream of what it asks for."""
        operation = self.operation
        if scope["method"] not in operation.methods:  # HEAD, which comes with GET
            raise MethodNotAllowed(f"/v1/{operation.path} does not take {scope['method']}.")
        identity, raw = await self.enter(scope, receive, exchange)
        query = query_of(scope["query_string"])
        is_stream = "stream=true" in query.lower().split("&")
        headers = client_headers(scope["headers"], stream=is_stream or operation.is_list)
        whereabouts = Whereabouts(self.gateway, identity)
        body = replace(Body.without_model(raw), stream=is_stream)
        wanted = _id(scope) or _input_file(operation, body, identity)
        instance, own = await self._instance(whereabouts, wanted, headers)
        headers.pop(PROVIDER_HEADER, None)
        exchange.fields |= {"provider": instance.name, "stream": is_stream}
        exchange.lap("route")
        call = Call(exchange.id, operation.endpoint, "", body, headers, identity.user_id, query)
        ending = is_stream or operation.dialect.binary
        call = replace(call, open_ended=ending, method=scope["method"], path=_path(scope))
        return Trip(
            call,
            call.body,
            instance,
            None,
            identity,
            operation.dialect,
            Worst() if operation.makes else Worst(0, 0),
            free=not operation.makes,
            remembers=own or operation.makes,
            change=partial(only_own, whereabouts=whereabouts) if operation.is_list else None,
            chosen_by="maker" if own else "only",
        )

    async def _instance(
        self, whereabouts: Whereabouts, wanted: str, headers: Mapping[str, str]
    ) -> tuple[Instance, bool]:
        endpoint = self.operation.endpoint
        if wanted:
            return await whereabouts.of(wanted, endpoint, headers)
        return whereabouts.serving(endpoint, headers), False


def _input_file(operation: Operation, body: Body, identity: Identity) -> str:
    """Give the file that a batch is made of: where that is, the batch is as well."""
    if not operation.makes:
        return ""
    if identity.key is not None and identity.key.limits.models:
        raise NotAllowed(
            "This key may use some models only, and Gaud cannot see those of a batch.",
            code="batch_not_allowed",
        )
    asked: Any = body.json() if body.raw else {}
    found = asked.get("input_file_id")
    return found if isinstance(found, str) else ""


def _id(scope: Scope) -> str:
    """Give the id in the path; NotFound for what is none, and would lead the upstream to another path."""
    found: str = scope["path_params"].get("id", "")
    if found and (not _ID.fullmatch(found) or not found.strip(".")):
        raise NotFound(f"There is no `{found[:_SHOWN]}` here.")
    return found


def _path(scope: Scope) -> str:
    """Give the path below `/v1/` as it was sent, with what is escaped in it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1").removeprefix("/v1").lstrip("/")
