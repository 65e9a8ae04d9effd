"""Every page of the dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from gaud_core.ui.endpoint import Endpoint, Page
from gaud_core.ui.pages import (
    budgets,
    dashboard,
    keys,
    login,
    missing,
    models,
    playground,
    providers,
    settings,
    usage,
    users,
)
from gaud_core.ui.site import Site

__all__ = ["PAGES", "ui_routes"]

PAGES: tuple[Page, ...] = (
    Page("GET", "/ui/login", login.show, "anybody"),
    Page("POST", "/ui/login", login.sign_in, "anybody"),
    Page("POST", "/ui/logout", login.sign_out, "anybody"),
    Page("POST", "/ui/theme", login.change_theme, "anybody"),
    Page("GET", "/ui/dashboard", dashboard.show, "member"),
    Page("GET", "/ui/dashboard/live", dashboard.live, renews=False),
    Page("GET", "/ui/providers", providers.show),
    Page("GET", "/ui/oauth", providers.show),
    Page("GET", "/ui/providers/{name}", providers.card, renews=False),
    Page("POST", "/ui/providers/{name}/test", providers.test),
    Page("POST", "/ui/providers/{name}/discover", providers.discover),
    Page("POST", "/ui/providers/{name}/login", providers.connect),
    Page("POST", "/ui/providers/{name}/logout", providers.disconnect),
    Page("GET", "/ui/logins/{id}", providers.login_state, renews=False),
    Page("POST", "/ui/logins/{id}/answer", providers.login_answer),
    Page("POST", "/ui/logins/{id}/cancel", providers.login_cancel),
    Page("GET", "/ui/models", models.show),
    Page("GET", "/ui/models/{name:path}", models.one),
    Page("GET", "/ui/users", users.show),
    Page("POST", "/ui/users", users.create),
    Page("GET", "/ui/users/{id}", users.one),
    Page("POST", "/ui/users/{id}/delete", users.delete),
    Page("POST", "/ui/users/{id}/budget", users.set_budget),
    Page("POST", "/ui/users/{id}/keys", users.create_key),
    Page("GET", "/ui/keys", keys.show, "member"),
    Page("GET", "/ui/keys/{id}", keys.edit),
    Page("POST", "/ui/keys/{id}", keys.change),
    Page("POST", "/ui/keys/{id}/rotate", keys.rotate),
    Page("POST", "/ui/keys/{id}/revoke", keys.revoke, "member"),
    Page("GET", "/ui/budgets", budgets.show),
    Page("GET", "/ui/usage", usage.show, "member"),
    Page("GET", "/ui/usage/csv", usage.csv, "member"),
    Page("GET", "/ui/usage/{id}", usage.one, "member"),
    Page("GET", "/ui/settings", settings.show),
    Page("POST", "/ui/settings/check", settings.check),
    Page("POST", "/ui/settings/plan", settings.plan),
    Page("POST", "/ui/settings/apply", settings.apply),
    Page("POST", "/ui/settings/reload", settings.reload),
    Page("GET", "/ui/settings/history", settings.history),
    Page("POST", "/ui/settings/rollback/{id}", settings.rollback),
    Page("GET", "/ui/playground", playground.show, "member"),
    Page("POST", "/ui/playground/chat", playground.chat, "member", json=True),
    Page("GET", "/ui/playground/calls/{id}", playground.outcome, "member", renews=False),
    Page("GET", "/ui/{rest:path}", missing.show, "anybody"),
)


def ui_routes(site: Site) -> Sequence[BaseRoute]:
    """Make one route for each path."""
    by_path: dict[str, dict[str, Page]] = {}
    for page in PAGES:
        by_path.setdefault(page.path, {})[page.method] = page
    static = Route("/ui/static/{name}", site.static.serve)
    return [
        Route("/ui", _home),
        static,
        *(Route(path, Endpoint(site, pages), methods=list(pages)) for path, pages in by_path.items()),
    ]


async def _home(request: Request) -> Response:
    return RedirectResponse("/ui/dashboard", 303)
