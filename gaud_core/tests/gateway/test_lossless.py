"""By property, through a served gateway: on every endpoint nothing is lost in either direction."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaud_core.gateway.dialects import ENDPOINTS, FORMS
from gaud_core.testing import DONE, Answer, ScriptedUpstream, sse

from ..call.pieces import Pieces, member, model_member, objects, text_of
from .everything import Everything
from .support import AcmeSettings, Served, Starter
from .wire import head_of, post

JSON = [one for one in ENDPOINTS if one not in FORMS and one != "batches"]
FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
REQUESTS = objects(model_member(st.sampled_from(["acme:m", "acme:a/b:c", "acme:grüße"])))
ANSWERS = objects(member(st.just(b"id"), st.sampled_from([b'"x"', b"null", b"1E2", b"[]"])))
ENDS = {
    "chat/completions": DONE,
    "completions": DONE,
    "responses": sse({"type": "response.completed", "response": {}}),
    "messages": sse({"type": "message_stop"}),
    "images/generations": sse({"type": "image_generation.completed"}),
    "audio/speech": sse({"type": "speech.audio.done"}),
}


def _event(pieces: Pieces) -> bytes:
    """An event that nobody knows, its JSON on one line."""
    return b"event: x.new\ndata:" + b" ".join(text_of(pieces).splitlines()) + b"\n\n"


EVENTS = ANSWERS.map(_event) | st.sampled_from(
    [b": ping\n\n", b"id: 7\r\nretry: 10\r\n\r\n", b"event: x\n\n", b"data: a\ndata: b\n\n", b"\n"]
)


@pytest.fixture(scope="module")
def gaud(
    lasting_upstream: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    stopping: list[threading.Thread],
) -> Iterator[Served]:
    """One gateway for all of them."""
    with contextlib.ExitStack() as stack:
        start = Starter(tmp_path_factory.mktemp("lossless"), stack, stopping)
        yield start(acme=AcmeSettings(url=lasting_upstream.url), kind=Everything)


@pytest.mark.parametrize("endpoint", JSON)
@FEW
@given(request=REQUESTS, answer=ANSWERS)
def test_whole(
    gaud: Served, lasting_upstream: ScriptedUpstream, endpoint: str, request: Pieces, answer: Pieces
) -> None:
    """Keys in any order and spelling, numbers, spaces, unknown members: all but the model's value stays."""
    lasting_upstream.reset(Answer.json(text_of(answer)))
    answered = gaud.send(post(text_of(request), target=f"/v1/{endpoint}"))
    assert (answered.status, answered.body) == (200, text_of(answer))
    sent = text_of(request, lambda slot: _without_prefix(slot.text))
    assert lasting_upstream.wait_call().body == sent


@pytest.mark.parametrize("endpoint", ENDS)
@FEW
@given(events=st.lists(EVENTS, max_size=6), size=st.integers(1, 40))
def test_streams(
    gaud: Served, lasting_upstream: ScriptedUpstream, endpoint: str, events: list[bytes], size: int
) -> None:
    """Unknown events, comments, ids and line ends of any kind stay, however the stream is cut."""
    whole = b"".join(events) + ENDS[endpoint]
    lasting_upstream.reset(Answer.stream([whole[at : at + size] for at in range(0, len(whole), size)]))
    body = b'{"model":"acme:m","stream":true,"input":"x"}'
    answered = gaud.send(post(body, target=f"/v1/{endpoint}"))
    assert (answered.body, answered.complete) == (whole, True)


@pytest.mark.parametrize("endpoint", sorted(FORMS))
@FEW
@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["prompt", "x", "language"]), st.binary(max_size=30)), max_size=3
    ),
    content=st.binary(max_size=200),
    model_first=st.booleans(),
)
def test_forms(
    gaud: Served,
    lasting_upstream: ScriptedUpstream,
    endpoint: str,
    fields: list[tuple[str, bytes]],
    content: bytes,
    model_first: bool,
) -> None:
    """Whatever is in the parts of a form stays, in its order; the model's value alone changes."""
    lasting_upstream.reset(Answer.json(b'{"data":[]}'))
    parts = [_part(name, value) for name, value in fields]
    named, file = _part("model", b"acme:m"), _part("file", content, '; filename="\xfc.bin"')
    body = b"".join([*parts, *([named, file] if model_first else [file, named])]) + b"--b0undary--\r\n"
    headers = [("content-type", "multipart/form-data; boundary=b0undary"), ("content-length", str(len(body)))]
    answered = gaud.send(head_of("POST", f"/v1/{endpoint}", headers) + body)
    assert (answered.status, answered.body) == (200, b'{"data":[]}')
    expected = body if endpoint == "files" else body.replace(named, _part("model", b"m"))
    assert lasting_upstream.wait_call().body == expected


def _part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\nX-Odd:  yes \r\n\r\n'.encode()
    return b"--b0undary\r\n" + head + content + b"\r\n"


def _without_prefix(value: bytes) -> bytes:
    """The model's value as the gateway writes it; escapes in it are read and not kept."""
    name: str = json.loads(value)
    return json.dumps(name.removeprefix("acme:"), ensure_ascii=False).encode()
