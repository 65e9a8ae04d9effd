"""What requests about the settings may hold, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import attrs
from msgspec import UNSET, Meta, UnsetType

from gaud_core.admin.answers import Time
from gaud_core.admin.times import iso
from gaud_core.config import Change, Plan, Setting, Version
from gaud_core.errors import Problem
from gaud_core.gateway.live.settings_desk import Applied, LiveState, WorkerState

__all__ = [
    "AppliedAnswer",
    "PlanAnswer",
    "SettingAnswer",
    "SettingChange",
    "SettingList",
    "SettingsApply",
    "SettingsPlan",
    "SettingsRollback",
    "StateAnswer",
    "VersionAnswer",
    "VersionList",
    "plan_arguments",
]

Key = Annotated[
    str, Meta(min_length=1, max_length=200, examples=["providers.acme.url"], description="Dotted.")
]
Value = Annotated[
    bool | int | float | str | list[str] | None,
    Meta(
        description="Typed, or the text that a variable would have. `********` leaves a secret as it is; "
        "null or an empty text clears.",
        examples=["http://localhost:4000", "true", 120],
    ),
]
Changes = Annotated[dict[Key, Value], Meta(min_length=1, description="Values by key.")]
Toml = Annotated[str, Meta(description="A whole file.")]
VersionId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Base = Annotated[
    str,
    Meta(max_length=64, description="`base` of a plan: refuses with 409 if the file has changed since."),
]
Json = Annotated[Any, Meta(description="A secret that is set is `********`.")]


@attrs.frozen(kw_only=True)
class SettingChange:
    """One setting to be set, or cleared with null."""

    key: Key
    value: Value


@attrs.frozen(kw_only=True)
class SettingsPlan:
    """What to look at: `changes`, or a `text`, or a version to go back to; without any the file as it is."""

    changes: Changes | UnsetType = UNSET
    text: Toml | UnsetType = UNSET
    rollback: VersionId | UnsetType = UNSET


@attrs.frozen(kw_only=True)
class SettingsApply:
    """What to apply: either `changes` or a `text`, which may name its `base`."""

    changes: Changes | UnsetType = UNSET
    text: Toml | UnsetType = UNSET
    base: Base | UnsetType = UNSET


@attrs.frozen(kw_only=True)
class SettingsRollback:
    """Which version to go back to; without `id` the one before the newest."""

    id: VersionId | UnsetType | None = UNSET


@attrs.frozen(kw_only=True, slots=False)
class SettingAnswer:
    """One setting: `value` is what the file and the environment say, `running` what is in force till then."""

    key: str
    section: str
    label: str
    help: str
    type: str
    value: Json
    default: Json
    required: bool
    secret: bool
    env: str | None
    overridden: bool
    source: Literal["default", "file", "env"]
    live: bool
    waits: bool
    running: Json
    choices: Sequence[str]
    bounds: str
    unit: str
    provider: str | None
    instance: str | None
    configured: bool
    problem: str | None

    @classmethod
    def of(cls, setting: Setting) -> SettingAnswer:
        """Show a setting."""
        known = {field.name: getattr(setting, field.name) for field in attrs.fields(cls)}
        return cls(**known | {name: known[name] or None for name in ("provider", "instance", "problem")})


@attrs.frozen(kw_only=True, slots=False)
class WorkerAnswer:
    """What one worker process of this machine runs on."""

    pid: int
    version: str
    error: str | None

    @classmethod
    def of(cls, state: WorkerState) -> WorkerAnswer:
        """Show a worker."""
        return cls(pid=state.pid, version=state.version, error=state.error or None)


@attrs.frozen(kw_only=True, slots=False)
class StateAnswer:
    """Where the configuration stands: `problems` say why the file on the disk is refused."""

    file: str | None
    version: str
    applied_at: Time | None
    problems: Sequence[str]
    warnings: Sequence[str]
    waits: Sequence[str]
    draining: int
    not_writable: str | None
    workers: Sequence[WorkerAnswer]

    @classmethod
    def of(cls, state: LiveState) -> StateAnswer:
        """Show it."""
        return cls(
            file=state.path,
            version=state.version,
            applied_at=iso(state.applied_at) if state.applied_at else None,
            problems=_told(state.problems),
            warnings=_told(state.warnings),
            waits=state.waits,
            draining=state.draining,
            not_writable=state.writable or None,
            workers=[WorkerAnswer.of(worker) for worker in state.workers],
        )


@attrs.frozen(kw_only=True, slots=False)
class SettingList:
    """Every setting, and where the configuration stands."""

    data: Sequence[SettingAnswer]
    state: StateAnswer


@attrs.frozen(kw_only=True, slots=False)
class ChangeAnswer:
    """One setting that changes."""

    kind: Literal["added", "changed", "removed"]
    key: str
    before: Json
    after: Json
    live: bool
    secret: bool

    @classmethod
    def of(cls, change: Change) -> ChangeAnswer:
        """Show a change."""
        return cls(**attrs.asdict(change))


@attrs.frozen(kw_only=True, slots=False)
class PlanAnswer:
    """What would happen, or has: instances that are new, start anew, end; with `problems` nothing does."""

    changes: Sequence[ChangeAnswer]
    starts: Sequence[str]
    replaces: Sequence[str]
    stops: Sequence[str]
    problems: Sequence[str]
    warnings: Sequence[str]
    base: str

    @classmethod
    def of(cls, plan: Plan) -> PlanAnswer:
        """Show a plan."""
        return cls(
            changes=[ChangeAnswer.of(change) for change in plan.changes],
            problems=_told(plan.problems),
            warnings=_told(plan.warnings),
            **{name: getattr(plan, name) for name in ("starts", "replaces", "stops", "base")},
        )


@attrs.frozen(kw_only=True, slots=False)
class AppliedAnswer:
    """What has been done. `history_id` is null if nothing had to be written; `workers` have followed."""

    plan: PlanAnswer
    version: str
    history_id: int | None
    workers: Sequence[WorkerAnswer]

    @classmethod
    def of(cls, applied: Applied) -> AppliedAnswer:
        """Show it."""
        return cls(
            plan=PlanAnswer.of(applied.plan),
            version=applied.version,
            history_id=applied.history_id,
            workers=[WorkerAnswer.of(worker) for worker in applied.workers],
        )


@attrs.frozen(kw_only=True, slots=False)
class VersionAnswer:
    """One version of the file that was applied; its text is never shown, because it holds secrets."""

    id: int
    at: Time
    actor: str
    action: str
    version: str
    keys: Sequence[str]

    @classmethod
    def of(cls, version: Version) -> VersionAnswer:
        """Show a version."""
        return cls(
            at=iso(version.at),
            version=version.digest,
            **{name: getattr(version, name) for name in ("id", "actor", "action", "keys")},
        )


@attrs.frozen(kw_only=True, slots=False)
class VersionList:
    """One page of versions, the newest first."""

    data: Sequence[VersionAnswer]
    page: int
    per_page: int
    total: int


def plan_arguments(asked: SettingsPlan) -> Mapping[str, Any]:
    """Give what was asked for, by the names of `SettingsDesk.plan`."""
    given = {name: getattr(asked, name) for name in ("changes", "text", "rollback")}
    return {name: value for name, value in given.items() if not isinstance(value, UnsetType)}


def _told(problems: Sequence[Problem]) -> Sequence[str]:
    return [str(problem) for problem in problems]
