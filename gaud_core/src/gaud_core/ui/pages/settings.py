"""The settings: by section, checked as one types, planned before they apply, with a way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from starlette.responses import Response

from gaud_core.config.listing import Setting
from gaud_core.errors import BadRequest, ConfigError, Problem
from gaud_core.ui.visit import Visit

__all__ = ["apply", "check", "history", "plan", "reload", "rollback", "show"]

_PER_PAGE = 25
_PREFIX = "set."


@attrs.frozen
class Section:
    """The settings of one section, and whether it is there."""

    name: str
    title: str
    provider: str
    settings: Sequence[Setting]

    @property
    def configured(self) -> bool:
        """Whether it has a section in force."""
        return any(setting.configured for setting in self.settings)

    @property
    def id(self) -> str:
        """An anchor's name."""
        return self.name.replace(".", "-")


async def show(visit: Visit) -> Response:
    """Show every setting."""
    return await visit.page("settings.html", **_values(visit, {}))


async def check(visit: Visit) -> Response:
    """Check one field as it is typed."""
    key = visit.form.text("key")
    typed = _changes(visit)
    changes = {key: typed[key]} if key in typed else {}
    problems = (await visit.site.settings.plan(changes)).problems if changes else ()
    return await visit.page("parts/setting_problem.html", problems=_about(problems, key), key=key)


async def plan(visit: Visit) -> Response:
    """Say what the changes would do; nothing is done."""
    found = await visit.site.settings.plan(_changes(visit))
    return await visit.page("parts/settings_plan.html", plan=found)


async def apply(visit: Visit) -> Response:
    """Apply the changes in one step, or say why not."""
    changes = _changes(visit)
    if not changes:
        return visit.go("/ui/settings", "settings-same")
    try:
        await visit.site.settings.change_many(changes, actor=visit.actor)
    except ConfigError as error:
        return await visit.page("settings.html", 400, **_values(visit, changes, error.problems))
    except BadRequest as error:
        values = _values(visit, changes, [Problem(error.param or "", error.message)])
        return await visit.page("settings.html", error.http_status, **values)
    return visit.go("/ui/settings", "settings-applied")


async def reload(visit: Visit) -> Response:
    """Look for newly installed providers and apply what is on the disk."""
    try:
        await visit.site.settings.reload(actor=visit.actor)
    except ConfigError as error:
        return await visit.page("settings.html", 400, **_values(visit, {}, error.problems))
    return visit.go("/ui/settings", "reloaded")


async def history(visit: Visit) -> Response:
    """Show the versions that were applied."""
    page = visit.page_number()
    versions, total = await visit.site.settings.history(page, _PER_PAGE)
    names = {user.id: user.name for user in await visit.off(visit.site.people.users, deleted=True)}
    return await visit.page(
        "settings_history.html",
        versions=versions,
        total=total,
        page_now=page,
        per_page=_PER_PAGE,
        names=names,
        state=visit.site.settings.state(),
    )


async def rollback(visit: Visit) -> Response:
    """Show what going back to a version would do, and do it when that was confirmed."""
    text = visit.id
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest("A version of the history has a number.")
    if visit.form.text("confirmed") != "yes":
        found = await visit.site.settings.plan(rollback=int(text))
        return await visit.page("settings_rollback.html", plan=found, version=int(text))
    try:
        await visit.site.settings.rollback(int(text), actor=visit.actor)
    except ConfigError as error:
        return await visit.page("settings.html", 400, **_values(visit, {}, error.problems))
    return visit.go("/ui/settings", "rolled-back")


def _changes(visit: Visit) -> dict[str, Any]:
    """Give what was changed in the form: a field names what it was, so what is the same is left alone."""
    changes: dict[str, Any] = {}
    known = {setting.key: setting for setting in visit.site.settings.list_settings()}
    for name in visit.form.names():
        key = name.removeprefix(_PREFIX)
        setting = known.get(key) if name.startswith(_PREFIX) else None
        if setting is None or setting.overridden:
            continue
        typed = visit.form.text(name)
        if typed != visit.form.text(f"was.{key}"):
            changes[key] = _value(setting, typed)
    return changes


def _value(setting: Setting, typed: str) -> Any:
    if not typed:
        return None
    if setting.type.startswith("list"):
        return [word for word in typed.replace(",", "\n").split("\n") if word.strip()]
    return typed


def typed_value(setting: Setting) -> str:
    """Write a value as its field holds it."""
    value = setting.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "\n".join(str(each) for each in value)
    return str(value)


def _values(visit: Visit, changes: Mapping[str, Any], problems: Sequence[Problem] = ()) -> dict[str, Any]:
    desk = visit.site.settings
    listed = desk.list_settings()
    keys = {setting.key for setting in listed}
    secret = {setting.key: setting.secret for setting in listed}  # what was typed there is never shown again
    return {
        "sections": _sections(listed),
        "state": desk.state(),
        "typed": {setting.key: typed_value(setting) for setting in listed}
        | {key: _as_typed(value) for key, value in changes.items() if not secret[key]},
        "was": {setting.key: typed_value(setting) for setting in listed},
        "problems": [problem for problem in problems if problem.path not in keys],
        "by_key": {problem.path: problem for problem in problems},
        "count_problems": len(problems),
    }


def _as_typed(value: Any) -> str:
    return "" if value is None else "\n".join(value) if isinstance(value, list) else str(value)


def _sections(listed: Sequence[Setting]) -> Sequence[Section]:
    """Group the settings: providers first, because those are what one comes for."""
    by_name: dict[str, list[Setting]] = {}
    for setting in listed:
        by_name.setdefault(setting.section, []).append(setting)
    sections = [
        Section(name, _title(name, found), found[0].provider, found) for name, found in by_name.items()
    ]
    return sorted(sections, key=lambda section: not section.provider)


def _title(name: str, found: Sequence[Setting]) -> str:
    if found[0].provider:
        return found[0].instance or found[0].provider
    return name.replace("_", " ").replace(".", " · ")


def _about(problems: Sequence[Problem], key: str) -> Sequence[Problem]:
    """Give the mistakes of one field; those of others are told where they are."""
    return [problem for problem in problems if problem.path == key]
