"""The contract's values are frozen; a changed one is made by `replace`, whatever its class is made with."""

from __future__ import annotations

from typing import Any

import pytest

from gaud_core import Body, Call, Model, Price, Reply, Timeouts, UpstreamRequest, Usage, replace

BODY = Body.parse(b'{"model": "m", "messages": []}')
VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "Body": (BODY, {"model": "other"}),
    "Call": (Call("req_1", "chat/completions", "m", BODY), {"user": "usr_1"}),
    "Reply": (Reply(200, (), b""), {"status": 404, "content": b"x"}),
    "Usage": (Usage(1, 2), {"output_tokens": 3}),
    "UpstreamRequest": (UpstreamRequest("http://acme.test", {}, b""), {"timeouts": Timeouts(idle=1)}),
    "Model": (Model("m"), {"price": Price(input=1)}),
    "Price": (Price(input=1), {"output": 2}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_changed_value(name: str) -> None:
    """It has the new fields and all others; the first one is as it was."""
    value, fields = VALUES[name]
    before = repr(value)
    changed = replace(value, **fields)
    assert {field: getattr(changed, field) for field in fields} == fields
    assert (type(changed), repr(value)) == (type(value), before)
    assert replace(changed, **{field: getattr(value, field) for field in fields}) == value
    with pytest.raises(TypeError):
        replace(value, nonsense=1)
    with pytest.raises(AttributeError):
        setattr(value, next(iter(fields)), None)


def test_a_call_without_a_path_has_its_endpoint() -> None:
    """And keeps a path that it was given."""
    call = VALUES["Call"][0]
    assert call.path == "chat/completions"
    assert replace(call, path="files/file-1").path == "files/file-1"


def test_a_body_is_decoded_once() -> None:
    """Whoever translates may ask as often as he likes."""
    body = Body.parse(b'{"model": "m", "n": 2}')
    assert body.json() is body.json()
    assert replace(body, raw=b'{"model": "m", "n": 3}').json() == {"model": "m", "n": 3}
