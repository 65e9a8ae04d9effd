"""One key: change, rotate, revoke; and a member's own keys."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from gaud_core.access import Key
from gaud_core.access.listing import get_key, get_user, list_keys
from gaud_core.errors import BadRequest, NotFound
from gaud_core.ledger.accounts import read_account
from gaud_core.ui.forms import Form
from gaud_core.ui.visit import Visit

__all__ = ["change", "edit", "limits_in", "revoke", "rotate", "show"]

_MOST_KEYS = 200
_GRACES = {"0": 0, "3600": 3600, "86400": 86_400, "604800": 604_800}


def limits_in(form: Form) -> dict[str, Any]:
    """Read the limits of a key."""
    return {
        "models": form.words("models"),
        "rpm": form.whole("rpm", "Requests per minute"),
        "tpm": form.whole("tpm", "Tokens per minute"),
        "concurrency": form.whole("concurrency", "Calls at a time"),
    }


async def show(visit: Visit) -> Response:
    """Show somebody his own keys and budgets."""
    identity, store = visit.identity, visit.site.store
    if identity is None or identity.user_id is None:
        raise NotFound("Keys are switched off (`auth.enabled`), so you have none.")
    keys, _ = await visit.off(list_keys, store, identity.user_id, 1, _MOST_KEYS)
    account = await visit.off(read_account, store, visit.site.now(), identity.user_id)
    url = str(visit.request.base_url).rstrip("/") + "/v1"
    ordered = sorted(keys, key=lambda key: (key.revoked_at is not None, -key.created_at))
    mine = identity.key.id if identity.key else ""
    return await visit.page("keys.html", keys=ordered, account=account, url=url, mine=mine)


async def edit(visit: Visit) -> Response:
    """Show a key's form."""
    return await visit.page("key.html", form=None, **await _values(visit))


async def change(visit: Visit) -> Response:
    """Change label, limits, models and expiry of a key."""
    form, key = visit.form, await visit.off(get_key, visit.site.store, visit.id)
    try:
        changes: dict[str, Any] = {"label": form.text("label"), **limits_in(form)}
        changes["models"] = list(changes["models"])
        if form.text("expires_at") != form.text("expires_was"):
            changes["expires_at"] = form.last_day("expires_at", "The last day", visit.site.now())
        await visit.off(visit.site.people.patch_key, visit.id, changes, actor=visit.actor)
    except BadRequest as error:
        return await visit.again(error, "key.html", **await _values(visit))
    return visit.go(f"/ui/users/{key.user_id}", "key-changed")


async def rotate(visit: Visit) -> Response:
    """Give a key a new text and show it, this once."""
    grace = _GRACES.get(visit.form.text("grace_secs"), 0)
    try:
        key, text = await visit.off(visit.site.people.rotate_key, visit.id, grace, actor=visit.actor)
    except BadRequest as error:
        return await visit.again(error, "key.html", **await _values(visit))
    user = await visit.off(get_user, visit.site.store, key.user_id)
    return await visit.page("key_made.html", key=key, text=text, user=user, rotated=True, grace=grace)


async def revoke(visit: Visit) -> Response:
    """End a key; a member may end his own."""
    key: Key = await visit.off(get_key, visit.site.store, visit.id)
    if visit.own is not None and key.user_id != visit.own:
        raise NotFound("There is no such key.", code="key_not_found")
    await visit.off(visit.site.people.revoke_key, visit.id, actor=visit.actor)
    return visit.go(f"/ui/users/{key.user_id}" if visit.is_admin else "/ui/keys", "key-revoked")


async def _values(visit: Visit) -> dict[str, Any]:
    key = await visit.off(get_key, visit.site.store, visit.id)
    user = await visit.off(get_user, visit.site.store, key.user_id)
    own = visit.identity is not None and visit.identity.key is not None and visit.identity.key.id == key.id
    return {"key": key, "user": user, "is_own": own, "graces": _GRACES}
