"""The settings of the gateway that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import UnsetType

from gaud_core.admin.desk import Ask
from gaud_core.admin.requests import PageQuery
from gaud_core.admin.settings_shapes import (
    AppliedAnswer,
    PlanAnswer,
    SettingAnswer,
    SettingChange,
    SettingList,
    SettingsApply,
    SettingsPlan,
    SettingsRollback,
    StateAnswer,
    VersionAnswer,
    VersionList,
    plan_arguments,
)
from gaud_core.errors import BadRequest, ConfigError

__all__ = [
    "apply_settings",
    "change_setting",
    "plan_settings",
    "reload_settings",
    "rollback_settings",
    "show_history",
    "show_settings",
]


async def show_settings(ask: Ask) -> SettingList:
    """List every setting."""
    desk = ask.desk.settings
    data = [SettingAnswer.of(setting) for setting in desk.list_settings()]
    return SettingList(data=data, state=StateAnswer.of(desk.state()))


async def change_setting(ask: Ask) -> AppliedAnswer:
    """Set one setting."""
    asked: SettingChange = ask.body
    with _mistakes():
        done = await ask.desk.settings.change(asked.key, asked.value, actor=ask.actor)
    return AppliedAnswer.of(done)


async def plan_settings(ask: Ask) -> PlanAnswer:
    """Say what something would do."""
    asked: SettingsPlan = ask.body
    given = plan_arguments(asked)
    if len(given) > 1:
        raise BadRequest("Give `changes`, `text` or `rollback`, not several of them.", param="changes")
    return PlanAnswer.of(await ask.desk.settings.plan(**given))


async def apply_settings(ask: Ask) -> AppliedAnswer:
    """Apply several changes, or a whole text."""
    asked: SettingsApply = ask.body
    changes, text, base = asked.changes, asked.text, asked.base
    with _mistakes():
        if isinstance(changes, UnsetType) and not isinstance(text, UnsetType):
            named = None if isinstance(base, UnsetType) else base
            return AppliedAnswer.of(await ask.desk.settings.apply(text, actor=ask.actor, base=named))
        if isinstance(changes, UnsetType) or not isinstance(text, UnsetType):
            raise BadRequest("Give either `changes` or `text`.", param="changes")
        if not isinstance(base, UnsetType):
            told = "`base` goes with `text`: changes by key are made to whatever the file says."
            raise BadRequest(told, param="base")
        return AppliedAnswer.of(await ask.desk.settings.change_many(changes, actor=ask.actor))


async def show_history(ask: Ask) -> VersionList:
    """Give one page of the versions that were applied."""
    query: PageQuery = ask.query
    versions, total = await ask.desk.settings.history(query.page, query.per_page)
    data = [VersionAnswer.of(version) for version in versions]
    return VersionList(data=data, page=query.page, per_page=query.per_page, total=total)


async def rollback_settings(ask: Ask) -> AppliedAnswer:
    """Go back to a version."""
    asked: SettingsRollback = ask.body
    wanted = None if isinstance(asked.id, UnsetType) else asked.id
    with _mistakes():
        return AppliedAnswer.of(await ask.desk.settings.rollback(wanted, actor=ask.actor))


async def reload_settings(ask: Ask) -> AppliedAnswer:
    """Look at the file and for new providers."""
    with _mistakes():
        return AppliedAnswer.of(await ask.desk.settings.reload(actor=ask.actor))


@contextmanager
def _mistakes() -> Iterator[None]:
    """Answer mistakes in the configuration, all of them, as 400."""
    try:
        yield
    except ConfigError as wrong:
        told = " ".join(str(problem) for problem in wrong.problems)
        param = wrong.problems[0].path or None if wrong.problems else None
        raise BadRequest(told, code="invalid_settings", param=param) from None
