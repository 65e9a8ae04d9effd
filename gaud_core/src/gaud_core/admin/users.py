"""Users."""

from __future__ import annotations

from gaud_core.access.listing import get_user, list_users
from gaud_core.admin.answers import UserAnswer, UserList
from gaud_core.admin.desk import Ask
from gaud_core.admin.requests import NewUser, PageQuery

__all__ = ["create_user", "delete_user", "show_user", "show_users"]


def create_user(ask: Ask) -> UserAnswer:
    """Add a user."""
    new: NewUser = ask.body
    return UserAnswer.of(ask.desk.people.create_user(new.name, new.role, actor=ask.actor))


def show_users(ask: Ask) -> UserList:
    """Give one page of users."""
    query: PageQuery = ask.query
    users, total = list_users(ask.desk.store, query.page, query.per_page)
    data = [UserAnswer.of(user) for user in users]
    return UserList(data=data, page=query.page, per_page=query.per_page, total=total)


def show_user(ask: Ask) -> UserAnswer:
    """Give one user."""
    return UserAnswer.of(get_user(ask.desk.store, ask.id))


def delete_user(ask: Ask) -> None:
    """End a user and all his keys."""
    ask.desk.people.delete_user(ask.id, actor=ask.actor)
