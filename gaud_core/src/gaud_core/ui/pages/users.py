"""Users with their keys and budgets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
from starlette.responses import Response

from gaud_core.access import Key, KeyLimits, User
from gaud_core.access.listing import get_user, list_keys, list_users
from gaud_core.errors import BadRequest
from gaud_core.ledger.accounts import Account, read_account, read_accounts
from gaud_core.ui.pages.keys import limits_in
from gaud_core.ui.visit import Visit

__all__ = ["create", "create_key", "delete", "one", "set_budget", "show"]

_PER_PAGE = 50
_MOST_KEYS = 200


@attrs.frozen
class _Line:
    """A user in the list."""

    user: User
    keys: int
    account: Account


@attrs.frozen
class _Person:
    """A user opened."""

    user: User
    keys: tuple[Key, ...]
    total_keys: int
    account: Account


async def show(visit: Visit) -> Response:
    """List the users."""
    return await visit.page("users.html", **await _lines(visit), form=None)


async def create(visit: Visit) -> Response:
    """Add a user and open him."""
    form = visit.form
    try:
        role = "admin" if form.text("role") == "admin" else "member"
        user = await visit.off(visit.site.people.create_user, form.text("name"), role, actor=visit.actor)
    except BadRequest as error:
        return await visit.again(error, "users.html", **await _lines(visit))
    return visit.go(f"/ui/users/{user.id}", "user-created")


async def one(visit: Visit) -> Response:
    """Open a user."""
    return await visit.page("user.html", person=await visit.off(_person, visit), form=None)


async def delete(visit: Visit) -> Response:
    """End a user and all his keys."""
    try:
        await visit.off(visit.site.people.delete_user, visit.id, actor=visit.actor)
    except BadRequest as error:
        return await visit.again(error, "user.html", person=await visit.off(_person, visit))
    return visit.go("/ui/users", "user-deleted")


async def set_budget(visit: Visit) -> Response:
    """Set both budgets of a user; an empty field is no limit."""
    try:
        changes = {
            "daily_nanos": visit.form.nanos("daily_limit", "The daily budget"),
            "monthly_nanos": visit.form.nanos("monthly_limit", "The monthly budget"),
        }
        await visit.off(visit.site.people.patch_budget, visit.id, changes, actor=visit.actor)
    except BadRequest as error:
        return await visit.again(error, "user.html", person=await visit.off(_person, visit))
    return visit.go(f"/ui/users/{visit.id}", "budget-set")


async def create_key(visit: Visit) -> Response:
    """Make a key and show its text, this once."""
    form, site = visit.form, visit.site
    try:
        limits = KeyLimits(**limits_in(form))
        expires_at = form.last_day("expires_at", "The last day", site.now())
        key, text = await visit.off(
            site.people.create_key,
            visit.id,
            form.text("label"),
            limits,
            expires_at=expires_at,
            actor=visit.actor,
        )
    except BadRequest as error:
        return await visit.again(error, "user.html", person=await visit.off(_person, visit))
    user = await visit.off(get_user, site.store, visit.id)
    return await visit.page("key_made.html", key=key, text=text, user=user, rotated=False)


async def _lines(visit: Visit) -> dict[str, Any]:
    page = visit.page_number()
    lines, total = await visit.off(_read_lines, visit, page)
    return {"lines": lines, "total": total, "page_now": page, "per_page": _PER_PAGE}


def _read_lines(visit: Visit, page: int) -> tuple[list[_Line], int]:
    site = visit.site
    users, total = list_users(site.store, page, _PER_PAGE)
    accounts = {account.user_id: account for account in read_accounts(site.store, site.now())}
    everybodys = site.people.keys()
    keys = Counter(key.user_id for key in everybodys if is_live(key, site.now()))
    return [_Line(user, keys[user.id], accounts[user.id]) for user in users if user.id in accounts], total


def is_live(key: Key, now: int) -> bool:
    """Whether a key opens anything now."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _person(visit: Visit) -> _Person:
    site = visit.site
    user = get_user(site.store, visit.id)
    keys, total = list_keys(site.store, user.id, 1, _MOST_KEYS)
    newest_first = sorted(keys, key=lambda key: (key.revoked_at is not None, -key.created_at))
    return _Person(user, tuple(newest_first), total, read_account(site.store, site.now(), user.id))
