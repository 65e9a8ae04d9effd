"""The providers: state, connect and disconnect, test call, rediscover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from gaud_core.access.people import write_audit
from gaud_core.errors import BadRequest, NotFound
from gaud_core.gateway.guests.login import log_out
from gaud_core.gateway.instances.instance import Instance
from gaud_core.ledger.trends import paces
from gaud_core.provider import LoginProvider
from gaud_core.ui.calling import try_model
from gaud_core.ui.fleet import Tile, look_at, spare_plugins
from gaud_core.ui.visit import Visit

__all__ = [
    "card",
    "connect",
    "disconnect",
    "discover",
    "login_answer",
    "login_cancel",
    "login_state",
    "show",
    "test",
]

_RECENT_MS = 3_600_000


async def show(visit: Visit) -> Response:
    """Show every instance, and every installed provider that has none."""
    tiles = await _tiles(visit)
    spare = spare_plugins(visit.site.gateway)
    return await visit.page("providers.html", tiles=tiles, spare=spare, models=_names(visit))


async def card(visit: Visit) -> Response:
    """Show one instance again."""
    return await _card(visit, _instance(visit).name)


async def test(visit: Visit) -> Response:
    """Make a small call through the same way as every call, booked for whoever asks."""
    instance = _instance(visit)
    model = visit.form.text("model") or _first_model(instance)
    result = await try_model(visit, f"{instance.name}:{model}")
    return await visit.page("parts/test_result.html", result=result, model=f"{instance.name}:{model}")


async def discover(visit: Visit) -> Response:
    """Ask for the models now."""
    instance = _instance(visit)
    if instance.stage != "serving":
        told = instance.reason or f"`{instance.name}` is still starting. Try again in a moment."
        raise BadRequest(told, status=409)
    await instance.discover()
    await instance.check_health()
    return await _card(visit, instance.name, said=f"{len(instance.models)} models found.")


async def connect(visit: Visit) -> Response:
    """Begin a login, which then shows itself."""
    instance = _instance(visit)
    _login_provider(instance)
    begun = visit.site.logins.begin(instance)
    await visit.off(_note, visit, "provider.login", instance.name)
    state = visit.site.logins.state(begun)
    return await visit.page("parts/login.html", state=state)


async def disconnect(visit: Visit) -> Response:
    """Delete the token."""
    instance = _instance(visit)
    await log_out(_login_provider(instance))
    await visit.off(_note, visit, "provider.logout", instance.name)
    return visit.go("/ui/providers", "logged-out")


async def login_state(visit: Visit) -> Response:
    """Show where a login stands."""
    state = visit.site.logins.state(visit.id)
    if state is None:
        raise NotFound("This login is over. Begin a new one.")
    return await visit.page("parts/login.html", state=state)


async def login_answer(visit: Visit) -> Response:
    """Pass on what the person has entered."""
    visit.site.logins.answer(visit.id, visit.form.text("answer"))
    return await login_state(visit)


async def login_cancel(visit: Visit) -> Response:
    """End a login; its last state shows that it has ended."""
    visit.site.logins.cancel(visit.id)
    return await login_state(visit)


async def _card(visit: Visit, name: str, said: str = "") -> Response:
    tile = next(tile for tile in await _tiles(visit) if tile.name == name)
    values: dict[str, Any] = {"tile": tile, "said": said, "models": _names(visit)}
    return await visit.page("parts/provider_card.html", **values)


async def _tiles(visit: Visit) -> Sequence[Tile]:
    since = visit.site.now() - _RECENT_MS
    return await look_at(visit.site.gateway, await visit.off(paces, visit.site.store, since))


def _instance(visit: Visit) -> Instance:
    found = visit.site.gateway.registry.instances.get(visit.id)
    if found is None:
        raise NotFound("There is no such provider in the configuration. Reload the page.")
    return found


def _login_provider(instance: Instance) -> LoginProvider[Any]:
    if not isinstance(instance.provider, LoginProvider):
        raise BadRequest(f"The provider `{instance.name}` needs no login.")
    return instance.provider


def _names(visit: Visit) -> dict[str, Sequence[str]]:
    """Give the models of each instance that a test call may take."""
    instances = visit.site.gateway.registry.instances.values()
    return {
        each.name: [model.id for model in each.models if not model.is_pattern][:200] for each in instances
    }


def _first_model(instance: Instance) -> str:
    for model in instance.models:
        if not model.is_pattern:
            return model.id
    raise BadRequest(f"`{instance.name}` lists no model to test with. Look at its last error, or rediscover.")


def _note(visit: Visit, action: str, name: str) -> None:
    with visit.site.store.writing() as connection:
        write_audit(connection, visit.site.now(), visit.actor, action, name)
