"""The OpenAPI document says of the gateway's own pages what they answer."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from gaud_core.admin.openapi import openapi_document

from .guests.providers import Fine
from .support import Served, Starter

DOCUMENT: Any = json.loads(openapi_document())


def _check(method: str, path: str, status: int, body: bytes) -> None:
    """Hold an answer against what the document says of its status."""
    described = DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"]["application/json"]["schema"]
    jsonschema_rs.validate({**schema, "components": DOCUMENT["components"]}, json.loads(body))


def test_the_models(serve: Starter) -> None:
    """The list, one of it, and one that is not there."""
    gaud = serve(Fine)
    listed = gaud.get("/v1/models")
    _check("GET", "/v1/models", listed.status, listed.body)
    one = gaud.get(f"/v1/models/{json.loads(listed.body)['data'][0]['id']}")
    _check("GET", "/v1/models/{model}", one.status, one.body)
    none = gaud.get("/v1/models/nothing")
    assert none.status == 404
    _check("GET", "/v1/models/{model}", none.status, none.body)


def test_the_health(gaud: Served) -> None:
    """With a provider that works."""
    answered = gaud.get("/health")
    assert json.loads(answered.body)["providers"]
    _check("GET", "/health", answered.status, answered.body)


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"model": "nothing", "messages": []}', 404)])
def test_a_call_that_is_refused(gaud: Served, body: bytes, status: int) -> None:
    """In the documented envelope."""
    answered = gaud.post(body)
    assert answered.status == status
    _check("POST", "/v1/chat/completions", status, answered.body)


def test_a_call(gaud: Served) -> None:
    """The answer is whatever object the upstream gives."""
    answered = gaud.chat()
    _check("POST", "/v1/chat/completions", answered.status, answered.body)
