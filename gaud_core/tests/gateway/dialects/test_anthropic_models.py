"""The list of models for Anthropic's clients: its shape, its pages, its errors."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gaud_core import Model

from ..support import Acme, AcmeSettings, Served, Starter

VERSION = [("anthropic-version", "2023-06-01")]


class Many(Acme):
    """Lists 25 models."""

    def known_models(self) -> Sequence[Model]:
        """One of them with all that can be known."""
        known = Model(
            "m00", created=1790000000, max_input_tokens=5, max_output_tokens=7, extra={"display_name": "M"}
        )
        return (known, *(Model(f"m{number:02}") for number in range(1, 25)), Model("m-*"))


@pytest.fixture
def many(serve: Starter) -> Served:
    """A gateway with 25 models."""
    return serve(acme=AcmeSettings(url="http://127.0.0.1:9"), kind=Many)


def _page(gaud: Served, query: str) -> tuple[list[str], bool]:
    page = gaud.get(f"/v1/models{query}", VERSION).json
    names = [model["id"].removeprefix("acme:m") for model in page["data"]]
    ends = [f"acme:m{name}" for name in (names[0], names[-1])] if names else [None, None]
    assert [page["first_id"], page["last_id"]] == ends
    return names, page["has_more"]


def test_shape(many: Served) -> None:
    """As Anthropic's, with a time even where none is known; without the header it is OpenAI's."""
    shown = many.get("/v1/models/acme:m00", VERSION).json
    assert shown == {
        "type": "model",
        "id": "acme:m00",
        "display_name": "M",
        "created_at": "2026-09-21T14:13:20Z",
        "max_input_tokens": 5,
        "max_tokens": 7,
    }
    assert many.get("/models/m01", VERSION).json["created_at"] == "1970-01-01T00:00:00Z"
    assert many.get("/v1/models").json["object"] == "list"


@pytest.mark.parametrize(
    ("query", "first", "last", "more"),
    [
        ("", 0, 19, True),
        ("?limit=1000", 0, 24, False),
        ("?limit=25", 0, 24, False),
        ("?limit=3&after_id=acme:m04", 5, 7, True),
        ("?limit=3&after_id=acme:m21", 22, 24, False),
        ("?limit=3&before_id=acme:m04", 1, 3, True),
        ("?limit=3&before_id=acme:m03", 0, 2, False),
        ("?limit=3&before_id=acme:m01", 0, 0, False),
    ],
)
def test_pages(many: Served, query: str, first: int, last: int, more: bool) -> None:
    """Forwards and backwards, and whether there is more that way."""
    assert _page(many, query) == ([f"{number:02}" for number in range(first, last + 1)], more)


def test_ends_of_the_list(many: Served) -> None:
    """Behind the last and before the first there is nothing."""
    assert _page(many, "?after_id=acme:m24") == ([], False)
    assert _page(many, "?before_id=acme:m00") == ([], False)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=", "after_id=nobody", "before_id="]
)
def test_bad_pages(many: Served, query: str) -> None:
    """They are refused in Anthropic's words."""
    answered = many.get(f"/v1/models?{query}", VERSION)
    assert (answered.status, answered.json["error"]["type"]) == (400, "invalid_request_error")
    assert many.get("/v1/models/nobody", VERSION).json["type"] == "error"
