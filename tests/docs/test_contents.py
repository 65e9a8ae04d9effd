"""The documents are complete, agree with the code, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gaud_core.admin.operations import operations
from gaud_core.app import create_app
from gaud_core.config import SECTIONS, Config, Data, env_prefix
from gaud_core.settings import options_of
from gaud_provider_litellm import LiteLLMSettings

from .core_tables import has_core_table, with_core_tables
from .pages import GUIDES, PAGES, ROOT, anchors, named, prose
from .running import Told

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| (\d{3}) \| ([^|]+) \|", re.MULTILINE)
CODE = re.compile(r'code(?:: ClassVar\[str \| None\])? ?= ?"(\w+)"')
README = ROOT / "README.md"
SOURCE = ROOT / "gaud_core" / "src" / "gaud_core"
UNSEEN = {
    "error_in_stream": "the log's word for an upstream's error event, which passes as it is",
}
PAGES_OWN = {"call_not_found", "foreign_form", "session_over"}
"""Of the dashboard, which is tested in gaud_core."""
PLUGINS_OWN = {"provider_crashed", "provider_not_serving", "upstream_unavailable"} | {
    "books_unavailable",
    "login_required",
    "missing_certificate",
    "too_many_wrong_keys",
    *("batch_not_allowed", "endpoint_not_served", "form_expected", "invalid_form", "no_room_for_upload"),
    *("cannot_cross_bridge", "fields_would_be_dropped", "number_too_large", "provider_not_allowed"),
    *("not_implemented", "provider_not_found", "provider_unknown", "upload_stalled", "wrong_provider"),
}
"""Tested with the provider guide, or in gaud_core."""
ADMIN_API = ROOT / "docs" / "admin-api.md"


def _links(page: Path) -> list[str]:
    found = LINK.findall(prose(page))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def _codes() -> list[tuple[int, str]]:
    """The rows of the README's table of statuses that have a code."""
    rows = ROW.findall(README.read_text(encoding="utf-8"))
    return [(int(status), code) for status, cell in rows for code in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """To a file or folder of the repository, and to a heading if one is named."""
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_every_guide_can_be_reached(page: Path) -> None:
    """The README links to each page of docs, or to one that does."""
    assert page in _reached(README) | {found for near in _reached(README) for found in _reached(near)}


def _reached(page: Path) -> set[Path]:
    links = {link.partition("#")[0] for link in _links(page)} if page.suffix == ".md" else set()
    return {page, *((page.parent / link).resolve() for link in links if link)}


@pytest.mark.parametrize("page", [page for page in PAGES if "<!-- core-settings" in prose(page)], ids=named)
def test_core_tables_agree_with_the_schema(page: Path) -> None:
    """If this fails, run `python -m tests.docs.core_tables`."""
    text = page.read_text(encoding="utf-8")
    assert has_core_table(text)
    assert text == with_core_tables(text)


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_every_setting_is_there(page: str) -> None:
    """Each setting of the core and of LiteLLM, with its variable."""
    text = (ROOT / page).read_text(encoding="utf-8")
    sections = {**SECTIONS, "providers.litellm": LiteLLMSettings}
    for section, cls in sections.items():
        for name, option in options_of(cls).items():
            variable = f"{env_prefix(section.removeprefix('providers.'))}{option.env}"
            assert f"| `{section}.{name}` |" in text
            assert f"`{variable}`" in text


def test_every_endpoint_is_in_the_readme(tmp_path: Path) -> None:
    """Its table and that of the admin API have the routes of the application, and no others; pages apart."""
    app = create_app(Config(data=Data(dir=tmp_path)), plugins=())
    routes = {getattr(route, "path", "").replace("{model:path}", "{id}") for route in app.routes}
    routes |= {operation.path for operation in operations()}
    text = README.read_text(encoding="utf-8") + ADMIN_API.read_text(encoding="utf-8")
    told = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) (/[^`]*)` \|", text, re.MULTILINE)
    twins = {path for path in routes if f"/v1{path}" in routes}
    loaded_later = {"/ui", "/ui/{rest:path}", "/admin/{rest:path}"}
    assert set(told) == routes - twins - loaded_later


@pytest.mark.parametrize(
    ("status", "code"), [row for row in _codes() if row[1] not in PLUGINS_OWN | PAGES_OWN]
)
def test_statuses_in_the_readme_were_answered(status: int, code: str, told: Told) -> None:
    """Each status with its code came from a running Gaud."""
    assert (status, code) in told.codes


def test_every_code_is_in_the_readme() -> None:
    """A code that the source names is there or in the admin API, and its table has no other."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    codes = set(CODE.findall(source))
    text = README.read_text(encoding="utf-8") + ADMIN_API.read_text(encoding="utf-8")
    assert codes - UNSEEN.keys() <= set(re.findall(r"`(\w+)`", text))
    assert {code for _, code in _codes()} <= codes


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_nothing_of_a_machine_is_in_the_documents(page: Path) -> None:
    """No folder of somebody's home, and no host of a package index."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|work|tmp)/|pypi\.org|pythonhosted|npmjs", text)
