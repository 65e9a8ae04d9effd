"""What is said of a call on an endpoint that its model is not served on."""

from __future__ import annotations

from gaud_core.errors import NotFound
from gaud_core.gateway.instances.registry import Registry, Route

__all__ = ["not_served", "not_served_at_all"]


def not_served(endpoint: str, route: Route, natives: frozenset[str], registry: Registry) -> NotFound:
    """Give the error for a model whose upstream has no such endpoint; it names what there is."""
    there = _listed(natives) or "nothing"
    message = (
        f"`{route.instance.name}` does not serve /v1/{endpoint} for `{route.model[:200]}`, only {there}."
    )
    return NotFound(f"{message} {_served_by(endpoint, registry)}", code="endpoint_not_served", param="model")


def not_served_at_all(endpoint: str, registry: Registry) -> NotFound:
    """Give the error for an endpoint that no instance serves."""
    return NotFound(_served_by(endpoint, registry), code="endpoint_not_served")


def _served_by(endpoint: str, registry: Registry) -> str:
    names = [name for name, instance in registry.instances.items() if endpoint in instance.provider.endpoints]
    if not names:
        return f"No provider here serves /v1/{endpoint}."
    return f"/v1/{endpoint} is served by {', '.join(f'`{name}`' for name in names)}."


def _listed(endpoints: frozenset[str]) -> str:
    return ", ".join(f"/v1/{endpoint}" for endpoint in sorted(endpoints))
