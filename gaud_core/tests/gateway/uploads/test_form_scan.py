"""The scanner of forms: finds what it must however the form is cut, and refuses what could be read twice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core.errors import BadRequest
from gaud_core.gateway.uploads.form import FormScan, boundary_of

FAST = settings(max_examples=150, deadline=None)
WANTED = frozenset({"model", "stream", "n"})
CONTENTS = st.binary(max_size=60) | st.sampled_from(
    [b"\r\n", b"--", b"\r\n--", b"\r\n--B", b"--b", b"\r\n\r\n", b'name="model"', b"-", b"\n--"]
)


def _part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
    return b"--bound\r\n" + head + content + b"\r\n"


def _form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--bound--\r\n"


def _scanned(form: bytes, size: int) -> FormScan:
    scan = FormScan(b"bound", WANTED)
    for at in range(0, len(form), size):
        scan.feed(form[at : at + size])
    return scan


@FAST
@given(
    st.lists(st.tuples(st.sampled_from(["file", "prompt", "x", "model2"]), CONTENTS), max_size=4),
    st.lists(st.tuples(st.sampled_from(["file", "image[]"]), CONTENTS), max_size=3),
    st.text(min_size=1, max_size=20),
    st.integers(1, 300),
)
def test_the_model_is_found(
    before: list[tuple[str, bytes]], after: list[tuple[str, bytes]], model: str, size: int
) -> None:
    """Wherever it is, however the form is cut, with its place; other parts may hold anything."""
    try:
        value = model.encode()
    except UnicodeEncodeError:
        return
    head = b"".join(_part(name, content) for name, content in before)
    form = _form(
        head,
        _part("model", value),
        *(_part(name, content, '; filename="a"') for name, content in after),
    )
    if form.count(b"--bound") != 2 + len(before) + len(after):
        return
    scan = _scanned(form, size)
    assert scan.complete
    assert scan.fields["model"].value == model
    found = scan.fields["model"]
    assert form[found.begin : found.end] == value
    assert scan.in_file == bool(after)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (_form(_part("model", b"a"), _part("model", b"b")), "twice"),
        (_form(_part("model", b"a"), _part("file", b"x", '; filename="f"'), _part("model", b"b")), "twice"),
        (_form(_part("Model", b"a")), "lower case"),
        (_form(_part("model", b"a", '; filename="f"')), "is a file"),
        (_form(_part("model", b"a", "; name*=utf-8''x")), "encoded"),
        (_form(_part("model", b"a", '; name="other"')), "usable name"),
        (_form(_part('mo\\"del', b"a")), "usable name"),
        (_form(_part("model", b"a" * 1200)), "too long"),
        (_form(_part("model", b"\xff")), "not UTF-8"),
        (_form(_part("x", b"a\n--bound\r\n")), "where none may be"),
        (_form(_part("x", b"a--boundary")), "where none may be"),
        (_form(_part("x", b"\r\n--boundary")), "where none may be"),
        (b"preamble\r\n" + _form(_part("model", b"a")), "begin"),
        (b"--bound\r\n\r\n\r\nx\r\n--bound--", "content-disposition"),
        (b"--bound\r\nX: 1\r\n\r\nx\r\n--bound--", "content-disposition"),
        (
            b'--bound\r\nContent-Disposition: form-data;\r\n name="x"\r\n\r\n\r\n--bound--',
            "content-disposition",
        ),
        (
            b'--bound\r\nContent-Disposition: form-data; name="x"\nX: y\r\n\r\n\r\n--bound--',
            "content-disposition",
        ),
        (b'--bound\r\nContent-Disposition: form-data; name="x\r\n\r\n\r\n--bound--', "parameters"),
        (b'--bound\r\nContent-Disposition: inline; name="x"\r\n\r\n\r\n--bound--', "usable name"),
        (
            _form(_part("x", b"YQ==").replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")),
            "encoded",
        ),
        (b"--bound\r\n" + b"X: y\r\n" * 4000, "too long"),
        (b"--boundXY", "where none may be"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_refused(form: bytes, why: str, size: int) -> None:
    """Each with a sentence that says why."""
    with pytest.raises(BadRequest) as refusal:
        _scanned(form, size)
    assert why in refusal.value.message


@FAST
@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes(form: bytes, size: int) -> None:
    """Nothing but BadRequest comes out, and nothing is held beyond the longest head."""
    scan = FormScan(b"b", WANTED)
    try:
        for at in range(0, len(form), size):
            scan.feed(form[at : at + size])
    except BadRequest:
        return
    assert len(scan._held) <= 20_000


def test_files_are_not_held() -> None:
    """However long a file is, next to nothing of it stays."""
    scan = FormScan(b"bound", WANTED)
    scan.feed(b'--bound\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
    for _ in range(100):
        scan.feed(b"\r\n--boun" * 1000)
        assert len(scan._held) < 20


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b"', b"a b"),
        ("multipart/form-data;boundary=----WebKitFormBoundaryX1", b"----WebKitFormBoundaryX1"),
        ("application/json", None),
        ("", None),
    ],
)
def test_boundaries(content_type: str, boundary: bytes | None) -> None:
    """Quoted or not, among other parameters; no form has none."""
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "parameters",
    ["", "; boundary=", '; boundary=""', "; boundary=a; boundary=b", f"; boundary={'x' * 71}", ";;"],
)
def test_forms_without_a_usable_boundary(parameters: str) -> None:
    """They are refused, not guessed at."""
    with pytest.raises(BadRequest):
        boundary_of(f"multipart/form-data{parameters}")


def test_sdk_forms() -> None:
    """What httpx writes, and so OpenAI's SDK, is read."""
    import httpx

    request = httpx.Request(
        "POST",
        "http://gaud.test",
        data={"model": "whisper-1", "n": "2"},
        files={"file": ('grüße ".mp3', b"ID3", "audio/mpeg")},
    )
    boundary = boundary_of(request.headers["content-type"])
    assert boundary is not None
    scan = FormScan(boundary, WANTED)
    scan.feed(request.read())
    values = {name: field.value for name, field in scan.fields.items()}
    assert json.dumps(values) == '{"model": "whisper-1", "n": "2"}'
    assert scan.complete
