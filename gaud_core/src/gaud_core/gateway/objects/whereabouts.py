"""Which instance has the thing of an id, or serves an endpoint when nothing names a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from gaud_core.access import Identity
from gaud_core.errors import BadRequest, NotAllowed, NotFound
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.instances.natives import not_served_at_all
from gaud_core.gateway.instances.registry import Registry, Route
from gaud_core.ledger import Made

__all__ = ["PROVIDER_HEADER", "Whereabouts"]

PROVIDER_HEADER = "x-gaud-provider"
"""With it a client says which instance is meant."""

_SHOWN = 200


@attrs.frozen
class Whereabouts:
    """Finds instances for one caller; what belongs to another user is not there."""

    gateway: Gateway
    identity: Identity

    @property
    def registry(self) -> Registry:
        """What serves now: after each wait it may be another."""
        return self.gateway.registry

    async def of(self, wanted: str, endpoint: str, headers: Mapping[str, str]) -> tuple[Instance, bool]:
        """Give the instance that has `wanted`, and whether that is remembered as the caller's own."""
        own = await self.remembered(wanted)
        if own is None:
            return self.serving(endpoint, headers, wanted), False
        return self._configured(own), True

    def continued(self, own: Made, route: Route, asked: str) -> Route:
        """Give the route of a request that goes on from the caller's earlier answer: to where that is."""
        if own.instance == route.instance.name:
            return route
        if asked != route.model:  # the name has a prefix
            raise BadRequest(
                f"`previous_response_id` is an answer of `{own.instance}`, but the model "
                f"`{asked[:_SHOWN]}` is of `{route.instance.name}`.",
                param="previous_response_id",
                code="wrong_provider",
            )
        return Route(self._configured(own), route.model, "maker")

    def serving(self, endpoint: str, headers: Mapping[str, str], wanted: str = "") -> Instance:
        """Give the instance that a header names, or the only one that serves an endpoint."""
        serving = {
            name: one for name, one in self.registry.instances.items() if endpoint in one.provider.endpoints
        }
        named = headers.get(PROVIDER_HEADER)
        if named is not None:
            if named not in serving:
                raise NotFound(
                    f"`{named[:_SHOWN]}` in the header {PROVIDER_HEADER} is no provider that serves "
                    f"/v1/{endpoint}; {_listed(serving) or 'none does'}.",
                    code="provider_not_found",
                )
            return self._allowed(serving[named])
        if not serving:
            raise not_served_at_all(endpoint, self.registry)
        open_to = {name: one for name, one in serving.items() if self.identity.may_reach(name)}
        if len(open_to) > 1:
            what = f"It is not known where `{wanted[:_SHOWN]}` is. Say" if wanted else "Say"
            message = f"{what} in the header {PROVIDER_HEADER} which provider is meant: {_listed(open_to)}."
            raise NotFound(message, code="provider_unknown")
        return self._allowed(next(iter((open_to or serving).values())))

    async def own(self, ids: Sequence[str]) -> list[bool]:
        """Tell for each id whether the caller may see it in a list.

        Those are his own; an administrator, who could ask the upstream himself, sees what is nobody's too.
        """
        if self.identity.user_id is None:
            return [True] * len(ids)
        owners: dict[str, set[str | None]] = {}
        for found in await self.gateway.ledger.made(ids):
            owners.setdefault(found.id, set()).add(found.user_id)
        me = self.identity.user_id
        return [me in owners[one] if one in owners else self.identity.is_admin for one in ids]

    async def remembered(self, wanted: str) -> Made | None:
        """Give what is remembered of an id; NotFound when it is another user's."""
        found = await self.gateway.ledger.made([wanted])
        if self.identity.user_id is not None:
            own = [one for one in found if one.user_id == self.identity.user_id]
            if found and not own:
                raise NotFound(f"There is no `{wanted[:_SHOWN]}` here.")
            found = own
        return found[0] if found else None

    def _configured(self, own: Made) -> Instance:
        instance = self.registry.instances.get(own.instance)
        if instance is None:
            raise NotFound(
                f"`{own.id[:_SHOWN]}` is at the provider `{own.instance}`, which is not configured any more."
            )
        return self._allowed(instance)

    def _allowed(self, instance: Instance) -> Instance:
        if not self.identity.may_reach(instance.name):
            message = f"This key may use no model of `{instance.name}`."
            raise NotAllowed(message, code="provider_not_allowed")
        return instance


def _listed(names: Mapping[str, Instance]) -> str:
    return ", ".join(f"`{name}`" for name in names)
