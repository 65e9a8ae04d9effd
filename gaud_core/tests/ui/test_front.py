"""The front door, static files, light and dark."""

from __future__ import annotations

import pytest

from .support import House


def test_a_browser_is_led_to_the_dashboard(lasting: House) -> None:
    """It names HTML among what it takes."""
    answer = lasting.nobody().get("/", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/dashboard"
    assert answer.headers["vary"] == "accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_a_program_gets_what_it_got(lasting: House, accept: str) -> None:
    """Curl and SDKs do not name HTML."""
    assert lasting.nobody().get("/", accept=accept).json()["name"] == "gaud"


def test_a_member_is_led_to_his_usage(lasting: House) -> None:
    """The dashboard is the administrators'; the way from the front door ends well all the same."""
    visitor = lasting.visitor(lasting.member("Front")[1])
    assert visitor.get("/ui/dashboard").headers["location"] == "/ui/usage"


def test_static_files_are_kept_for_ever_under_their_own_address(lasting: House) -> None:
    """The address changes with the content, so nothing stale is ever used after an update."""
    visitor = lasting.visitor()
    page = visitor.get("/ui/dashboard").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = visitor.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert visitor.get(address.split("?")[0]).headers["cache-control"] == "no-cache"
    kept = visitor.get(address, **{"if-none-match": answer.headers["etag"]})
    assert kept.status_code == 304


@pytest.mark.parametrize("name", ["nothing.css", "..%2frenderer.py", "%2e%2e/routes.py", ".", "gaud.css/"])
def test_other_files_are_not_served(lasting: House, name: str) -> None:
    """Neither what is not there nor what is outside."""
    answer = lasting.nobody().get(f"/ui/static/{name}")
    assert answer.status_code in {303, 404}
    assert "import" not in answer.text


def test_the_licence_of_htmx_comes_along(lasting: House) -> None:
    """Whoever passes the wheel on passes it on too."""
    assert "Permission to use" in lasting.nobody().get("/ui/static/htmx-LICENSE.txt").text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_are_chosen_without_a_script(lasting: House, theme: str) -> None:
    """A form sets a cookie, and the page is made with it."""
    visitor = lasting.visitor()
    answer = visitor.post("/ui/theme", theme=theme, next="/ui/models")
    assert answer.headers["location"] == "/ui/models"
    assert f'data-theme="{theme}"' in visitor.get("/ui/models").text
    visitor.post("/ui/theme", theme="auto")
    assert 'data-theme="auto"' in visitor.get("/ui/models").text
