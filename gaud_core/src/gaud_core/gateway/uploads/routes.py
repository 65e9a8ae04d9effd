"""Calls with a multipart form: sound, images, files; passed on as they come."""

from __future__ import annotations

import attrs

from gaud_core.access import Identity
from gaud_core.call import Body, Call, replace
from gaud_core.errors import BadRequest
from gaud_core.gateway.booking import CLIENT_LEFT
from gaud_core.gateway.delivery import WIRE, Send
from gaud_core.gateway.dialects import DIALECTS, WITHOUT_MODEL
from gaud_core.gateway.dispatch import Client, Scope, Trip, dispatch
from gaud_core.gateway.exchange import Exchange
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.headers import client_headers, query_of
from gaud_core.gateway.instances.natives import not_served
from gaud_core.gateway.objects.whereabouts import PROVIDER_HEADER, Whereabouts
from gaud_core.gateway.presence import ClientLeft, Receive
from gaud_core.gateway.routes import SHOWN_MODEL, CallRoute
from gaud_core.gateway.uploads.form import boundary_of
from gaud_core.gateway.uploads.upload import Upload
from gaud_core.ledger import Worst

__all__ = ["FormRoute"]

_WANTED = frozenset({"model", "stream", "n"})


@attrs.frozen
class FormRoute:
    """An ASGI endpoint that takes a form; one that also takes JSON leaves that to `CallRoute`."""

    gateway: Gateway
    endpoint: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; an ApiError is answered by whoever stands around."""
        exchange: Exchange = scope["gaud.exchange"]
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if self.endpoint not in WITHOUT_MODEL and not content_type.lower().startswith("multipart/"):
            await CallRoute(self.gateway, self.endpoint)(scope, receive, send)
            return
        identity = await self.gateway.door.identify(scope)
        exchange.lap("auth")
        boundary = boundary_of(content_type)
        if boundary is None:
            raise BadRequest(f"/v1/{self.endpoint} takes a multipart form.", status=415, code="form_expected")
        config = self.gateway.config
        upload = Upload(headers, receive, config.server.max_upload_bytes, config.data.folder)
        try:
            trip = await self._prepare(scope, upload, boundary, identity)
            exchange.lap("route")
            await dispatch(self.gateway, trip, exchange, Client(upload.rest, send, scope.get(WIRE)))
        except ClientLeft:
            exchange.status = CLIENT_LEFT
        finally:
            upload.close()

    async def _prepare(self, scope: Scope, upload: Upload, boundary: bytes, identity: Identity) -> Trip:
        if self.endpoint in WITHOUT_MODEL:
            return self._without_model(scope, upload, identity)
        exchange: Exchange = scope["gaud.exchange"]
        dialect = DIALECTS[self.endpoint]
        named = await upload.find_model(boundary, _WANTED)
        found = upload.scan.fields if upload.scan else {}
        body = Body.of_form(named, {name: field.value for name, field in found.items()})
        await self.gateway.registry.known(body.model)
        registry = self.gateway.registry  # nothing is awaited until the instance is leased
        route = registry.route(body.model, identity.may_use, self.endpoint)
        shown = {"provider": route.instance.name, "model": body.model[:SHOWN_MODEL], "stream": body.stream}
        exchange.fields |= shown
        natives = route.instance.serves(route.model)
        if self.endpoint not in natives:
            raise not_served(self.endpoint, route, natives, registry)
        upload.with_model(route.model)
        call = self._call(scope, upload, replace(body, model=route.model), identity)
        model = route.instance.by_id.get(route.model)
        worst, chosen = dialect.worst(body, model), route.chosen_by
        return Trip(call, body, route.instance, model, identity, dialect, worst, chosen_by=chosen)

    def _without_model(self, scope: Scope, upload: Upload, identity: Identity) -> Trip:
        """A file goes to the instance that a header names, or to the only one that takes files."""
        call = self._call(scope, upload, Body(b"", ""), identity)
        whereabouts = Whereabouts(self.gateway, identity)
        instance = whereabouts.serving(self.endpoint, call.headers)
        scope["gaud.exchange"].fields |= {"provider": instance.name, "stream": False}
        call = replace(call, headers={k: v for k, v in call.headers.items() if k != PROVIDER_HEADER})
        dialect = DIALECTS[self.endpoint]
        free = Worst(0, 0)
        return Trip(call, call.body, instance, None, identity, dialect, free, free=True, chosen_by="only")

    def _call(self, scope: Scope, upload: Upload, body: Body, identity: Identity) -> Call:
        return Call(
            scope["gaud.exchange"].id,
            self.endpoint,
            body.model,
            body,
            client_headers(scope["headers"], stream=body.stream),
            identity.user_id,
            query=query_of(scope["query_string"]),
            open_ended=True,
            content=upload.pieces(),
            length=upload.length,
        )
