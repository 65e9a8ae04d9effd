"""The answers that need no upstream: the models, the health, the front door."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gaud_core._version import __version__
from gaud_core.errors import (
    ApiError,
    BooksClosed,
    InvalidKey,
    ModelNotFound,
    TooManyRequests,
    model_not_allowed,
    one_line,
)
from gaud_core.gateway.bridging import bridged_endpoints
from gaud_core.gateway.dialects.anthropic_models import anthropic_model, anthropic_page
from gaud_core.gateway.gateway import Gateway
from gaud_core.gateway.guests.conduct import Note
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.live.settings_desk import LiveState
from gaud_core.provider import Model, Price
from gaud_core.provider.base import dollars

__all__ = ["front_door", "health", "list_models", "realtime", "retrieve_model"]

_ADDRESS = re.compile(
    r"""(?ix) \b[a-z][a-z0-9+.-]*://[^\s)`"',;]*[^\s)`"',;.:]   # a URL
    | \b[a-z0-9][a-z0-9.-]*:\d{2,5}\b                          # host:port
    | \b\d{1,3}(?:\.\d{1,3}){3}\b                             # IPv4
    | \[?(?:[0-9a-f]{0,4}:){2,}[0-9a-f]{0,4}\]?(?::\d+)?       # IPv6
    """
)

Endpoint = Callable[[Request], Awaitable[Response]]


def list_models(gateway: Gateway) -> Endpoint:
    """`GET /v1/models`, in OpenAI's shape, or in Anthropic's for who sends `anthropic-version`."""

    async def endpoint(request: Request) -> Response:
        caller = await gateway.door.identify(request.scope, fresh=True)
        await gateway.registry.known()
        listed = [one for one in gateway.registry.listed() if caller.may_use(one[1].name, one[2].id)]
        if "anthropic-version" in request.headers:
            shown = [anthropic_model(name, model) for name, _, model in listed]
            return JSONResponse(anthropic_page(shown, request.query_params))
        data = [model_object(name, instance, model) for name, instance, model in listed]
        return JSONResponse({"object": "list", "data": data})

    return endpoint


def retrieve_model(gateway: Gateway) -> Endpoint:
    """`GET /v1/models/{id}`; ids may hold slashes and colons."""

    async def endpoint(request: Request) -> Response:
        caller = await gateway.door.identify(request.scope, fresh=True)
        wanted = request.path_params["model"]
        await gateway.registry.known(wanted)
        for name, instance, model in gateway.registry.listed():
            if wanted in (name, model.id) and caller.may_use(instance.name, model.id):
                is_anthropic = "anthropic-version" in request.headers
                shown = anthropic_model(name, model) if is_anthropic else model_object(name, instance, model)
                return JSONResponse(shown)
        route = gateway.registry.route(
            wanted, caller.may_use
        )  # says what is near, when nothing serves it at all
        if not caller.may_use(route.instance.name, route.model):
            raise model_not_allowed(wanted)
        raise ModelNotFound(f"`{wanted[:200]}` is not listed by its provider; a call to it is still sent on.")

    return endpoint


async def realtime(request: Request) -> Response:
    """`/v1/realtime`, which is there to say that it is not."""
    raise ApiError(
        "Gaud has no WebSockets, so /v1/realtime cannot be served; /v1/chat/completions and /v1/responses "
        "stream over HTTP.",
        status=501,
        code="not_implemented",
    )


def health(gateway: Gateway) -> Endpoint:
    """`GET /health`: 200 while the gateway itself is fine, whatever its providers are."""

    async def endpoint(request: Request) -> Response:
        registry = gateway.registry
        working = [instance_object(instance) for instance in registry.instances.values()]
        broken = [_broken_object(name, reason) for name, reason in registry.broken.items()]
        providers = working + broken
        plugins = [_plugin_object(plugin) for plugin in gateway.plugins if plugin.reason or plugin.warning]
        known = await _knows_key(gateway, request)
        if not known:
            providers = [_without_addresses(provider) for provider in providers]
            plugins = [_without_addresses(plugin) for plugin in plugins]
        state = gateway.desk.state(whole=False)
        all_well = not broken and all(_is_well(instance) for instance in registry.instances.values())
        status = "ok" if all_well and not state.problems else "degraded"
        about = {"status": status, "version": __version__, "config": _config_object(state, known=known)}
        return JSONResponse({**about, "providers": providers, "plugins": plugins})

    return endpoint


def front_door(gateway: Gateway) -> Endpoint:
    """`GET /`: what this is, and what to do next."""

    async def endpoint(request: Request) -> Response:
        names = list(gateway.registry.instances)
        links = {"models": "/v1/models", "chat": "/v1/chat/completions", "health": "/health"}
        return JSONResponse(
            {"name": "gaud", "version": __version__, "providers": names, "next": _next_step(names), **links}
        )

    return endpoint


def model_object(name: str, instance: Instance, model: Model) -> dict[str, Any]:
    """Give one model in OpenAI's shape, with what else is known."""
    shape = {
        "id": name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by or instance.name,
    }
    limits = {"max_input_tokens": model.max_input_tokens, "max_output_tokens": model.max_output_tokens}
    known = {key: value for key, value in limits.items() if value is not None}
    natives = instance.serves(model.id)
    ways = {"endpoints": sorted(natives), "bridged_endpoints": bridged_endpoints(natives)}
    return {**model.extra, **known, **_pricing(model.price), **ways, **shape}


def _pricing(price: Price | None) -> dict[str, Any]:
    """Give the known prices as decimal text, in US dollars per million tokens."""
    if price is None:
        return {}
    nanos = {
        name: getattr(price, name) for name in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    prices = {name: dollars(each) for name, each in nanos.items() if each is not None}
    paid = {"subscription": True} if price.subscription else {}
    return {**paid, **({"usd_per_million_tokens": prices} if prices else {})}


def instance_object(instance: Instance) -> dict[str, Any]:
    """Give what is known of one instance."""
    return {
        "name": instance.name,
        "provider": instance.provider.name,
        "stage": instance.stage,
        "healthy": _is_healthy(instance),
        "detail": instance.reason or (instance.health.detail if instance.health else "") or None,
        "breaker": instance.breaker.state,
        "models": sum(not model.is_pattern for model in instance.models),
        "latency_ms": instance.latency_ms,
        "last_error": str(instance.last_error) if instance.last_error else None,
        "last_error_at": _utc(instance.last_error.at) if instance.last_error else None,
        "quotas": [attrs.asdict(quota) for quota in instance.guard.quotas()],
        "warnings": [_warning_object(note) for note in instance.guard.conduct.notes.values()],
    }


def _warning_object(note: Note) -> dict[str, Any]:
    """Give a kind of misconduct: blocked, leaked or crash."""
    return {"kind": note.kind, "message": note.message, "count": note.count, "last_at": _utc(note.at)}


def _plugin_object(plugin: Plugin) -> dict[str, Any]:
    """Give an installed plugin that cannot be used or is to be warned of, whether or not it is configured."""
    names = {"name": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
    return {**names, "stage": plugin.stage, "detail": one_line(plugin.reason or plugin.warning)}


def _config_object(state: LiveState, *, known: bool) -> dict[str, Any]:
    """Give where the configuration stands; what is wrong in it is nobody's business without a key."""
    about: dict[str, Any] = {"problems": len(state.problems), "waits_for_restart": len(state.waits)}
    if known:
        problems = [one_line(str(problem)) for problem in state.problems]
        about = {"problems": problems, "waits_for_restart": list(state.waits)}
        about |= {"file": state.path, "version": state.version}
    return {"applied_at": _utc(state.applied_at / 1000) if state.applied_at else None, **about}


def _broken_object(name: str, reason: str) -> dict[str, Any]:
    nothing = {"breaker": "closed", "models": 0, "latency_ms": None}
    state = {"name": name, "provider": None, "stage": "broken", "healthy": False, "detail": reason}
    return {**state, **nothing, "last_error": reason, "last_error_at": None, "quotas": [], "warnings": []}


async def _knows_key(gateway: Gateway, request: Request) -> bool:
    """Whether he may see everything; a store that cannot be read keeps nobody from the health."""
    try:
        await gateway.door.identify(request.scope, fresh=True)
    except (InvalidKey, TooManyRequests, BooksClosed):
        return False
    return True


def _without_addresses(shown: dict[str, Any]) -> dict[str, Any]:
    """Leave the operator's own addresses out of what anybody may read."""
    return {
        key: _ADDRESS.sub("<address>", value) if isinstance(value, str) and key != "last_error_at" else value
        for key, value in shown.items()
    }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _is_well(instance: Instance) -> bool:
    return (
        _is_healthy(instance) is not False
        and instance.breaker.state == "closed"
        and not instance.discovery_failed
    )


def _is_healthy(instance: Instance) -> bool | None:
    """Tell healthy from not; None as long as nobody has asked."""
    if instance.stage == "broken":
        return False
    return instance.health.healthy if instance.health else None


def _next_step(names: list[str]) -> str:
    if names:
        return "Point an OpenAI client at this address plus /v1, with your Gaud key."
    return "No provider is configured yet: `gaud providers` lists what is installed."
