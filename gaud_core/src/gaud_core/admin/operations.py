"""All that the admin API can do."""

from __future__ import annotations

from collections.abc import Sequence

from gaud_core.admin import answers, requests
from gaud_core.admin import settings_shapes as shapes
from gaud_core.admin.budgets import set_budget, show_budget
from gaud_core.admin.csv_answer import CSV
from gaud_core.admin.desk import Operation
from gaud_core.admin.keys import change_key, create_key, revoke_key, rotate_key, show_key, show_keys
from gaud_core.admin.log import show_audit
from gaud_core.admin.settings import (
    apply_settings,
    change_setting,
    plan_settings,
    reload_settings,
    rollback_settings,
    show_history,
    show_settings,
)
from gaud_core.admin.usage import show_usage, show_usage_summary
from gaud_core.admin.users import create_user, delete_user, show_user, show_users

__all__ = ["operations"]

_JSON = "application/json"
_USERS = "/admin/users"
_USER = "/admin/users/{id}"
_USER_KEYS = "/admin/users/{id}/keys"
_KEY = "/admin/keys/{id}"
_BUDGET = "/admin/budgets/{user_id}"
_SETTINGS = "/admin/settings"
_PAGE = requests.PageQuery


def operations() -> Sequence[Operation]:
    """List every operation, in the order in which the documentation shows them."""
    return [*_users(), *_keys(), *_budgets(), *_books(), *_settings()]


def _users() -> Sequence[Operation]:
    user, users, new = answers.UserAnswer, answers.UserList, requests.NewUser
    gone = (404,)
    return [
        Operation("GET", _USERS, "list_users", "List users", show_users, users, query=_PAGE),
        Operation(
            "POST", _USERS, "create_user", "Add a user", create_user, user, 201, body=new, errors=(409,)
        ),
        Operation("GET", _USER, "get_user", "Show a user", show_user, user, errors=gone),
        Operation(
            "DELETE", _USER, "delete_user", "End a user and his keys; his calls stay in the books",
            delete_user, status=204, errors=gone,
        ),
    ]  # fmt: skip


def _keys() -> Sequence[Operation]:
    key, keys, shown = answers.KeyAnswer, answers.KeyList, answers.ShownKey
    new, change, rotation = requests.NewKey, requests.KeyChange, requests.Rotation
    gone = (404,)
    return [
        Operation(
            "GET", _USER_KEYS, "list_keys", "List a user's keys", show_keys, keys, query=_PAGE, errors=gone
        ),
        Operation(
            "POST", _USER_KEYS, "create_key", "Give a user a key; its text is shown this once",
            create_key, shown, 201, body=new, errors=gone,
        ),
        Operation("GET", _KEY, "get_key", "Show a key", show_key, key, errors=gone),
        Operation(
            "PATCH", _KEY, "change_key", "Change a key; it counts from the next call on",
            change_key, key, body=change, errors=gone,
        ),
        Operation(
            "DELETE", _KEY, "revoke_key", "End a key at once, in every worker", revoke_key, key, errors=gone
        ),
        Operation(
            "POST", f"{_KEY}/rotate", "rotate_key", "Give a key a new text; it is shown this once",
            rotate_key, shown, body=rotation, errors=gone,
        ),
    ]  # fmt: skip


def _budgets() -> Sequence[Operation]:
    budget, change, gone = answers.BudgetAnswer, requests.BudgetChange, (404,)
    return [
        Operation(
            "GET", _BUDGET, "get_budget", "Show a user's budgets and what is used of them",
            show_budget, budget, errors=gone,
        ),
        Operation(
            "PUT", _BUDGET, "set_budget", "Set a user's budgets; it counts from the next call on",
            set_budget, budget, body=change, errors=gone,
        ),
    ]  # fmt: skip


def _books() -> Sequence[Operation]:
    return [
        Operation(
            "GET", "/admin/usage", "list_usage", "List calls; all of them as CSV with `accept: text/csv`",
            show_usage, answers.CallList, query=requests.UsageQuery, media_types=(_JSON, CSV),
        ),
        Operation(
            "GET", "/admin/usage/summary", "summarise_usage", "Add calls up",
            show_usage_summary, answers.SumsList, query=requests.SummaryQuery,
        ),
        Operation(
            "GET", "/admin/audit", "list_audit", "List who changed what",
            show_audit, answers.AuditList, query=_PAGE,
        ),
    ]  # fmt: skip


def _settings() -> Sequence[Operation]:
    applied, taken = shapes.AppliedAnswer, (409,)
    return [
        Operation(
            "GET", _SETTINGS, "list_settings", "List every setting, of providers without a section too",
            show_settings, shapes.SettingList,
        ),
        Operation(
            "PUT", _SETTINGS, "change_setting", "Set one setting and apply it at once",
            change_setting, applied, body=shapes.SettingChange, errors=taken,
        ),
        Operation(
            "POST", f"{_SETTINGS}/plan", "plan_settings", "Say what a change would do",
            plan_settings, shapes.PlanAnswer, body=shapes.SettingsPlan, errors=(404,),
        ),
        Operation(
            "POST", f"{_SETTINGS}/apply", "apply_settings", "Apply several changes, or a whole file",
            apply_settings, applied, body=shapes.SettingsApply, errors=taken,
        ),
        Operation(
            "GET", f"{_SETTINGS}/history", "list_settings_history", "List the versions that were applied",
            show_history, shapes.VersionList, query=_PAGE,
        ),
        Operation(
            "POST", f"{_SETTINGS}/rollback", "rollback_settings", "Go back to a version",
            rollback_settings, applied, body=shapes.SettingsRollback, errors=(404, 409),
        ),
        Operation(
            "POST", f"{_SETTINGS}/reload", "reload_settings", "Apply the file now, look for new providers",
            reload_settings, applied, errors=(409,),
        ),
    ]  # fmt: skip
