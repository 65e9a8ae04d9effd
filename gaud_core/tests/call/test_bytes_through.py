"""By property: what goes upstream is what was sent, but for the model's value and the question for usage."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Body

from .pieces import Pieces, member, model_member, objects, slots_of, text_of

FAST = settings(max_examples=120, deadline=None)

NAMES = st.sampled_from(
    ["gpt-4o", "acme:gpt-4o", "acme:a/b:c", 'q"uote', "back\\slash", "grüße", "😀", "model"]
)
# How stream_options may come, and what has to be there in its place.
OPTIONS = {
    b"null": b'{"include_usage":true}',
    b"{}": b'{"include_usage":true}',
    b'{ "a" : 1.50 }': b'{ "a" : 1.50 ,"include_usage":true}',
    b'{"include_usage":true}': b'{"include_usage":true}',
    b'{"include_usage" :false}': b'{"include_usage" :true}',
    b'{"include_usage":null,"x":{"include_usage":0}}': b'{"include_usage":true,"x":{"include_usage":0}}',
    b'{"\\u0069nclude_usage":false,"y":1E5}': b'{"\\u0069nclude_usage":true,"y":1E5}',
    b'{"z":"include_usage"}': b'{"z":"include_usage","include_usage":true}',
    b'{"include_usage":1,"k":"\\"include_usage"}': b'{"include_usage":true,"k":"\\"include_usage"}',
    b'"all"': b'"all"',
    b"[1]": b"[1]",
    b"7": b"7",
}
ONE_MODEL = objects(model_member(NAMES))
MODELS = objects(model_member(NAMES), model_member(NAMES), model_member(NAMES))
STREAMS = objects(
    model_member(NAMES),
    member(
        st.sampled_from([b"stream_options", b"stream\\u005foptions"]),
        st.sampled_from([*OPTIONS]),
        "stream_options",
    ),
)


def _in_json(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode()


@FAST
@given(ONE_MODEL | MODELS, NAMES)
def test_only_the_models_value_changes(pieces: Pieces, name: str) -> None:
    """Each top-level `model`, however its key is spelled, gets the new name; every other byte stays."""
    body = Body.parse(text_of(pieces))
    changed = body.with_model(name)
    assert changed.model == name
    if name == body.model:
        assert changed.raw == text_of(pieces)
    else:
        assert changed.raw == text_of(pieces, lambda slot: _in_json(name))


@FAST
@given(MODELS)
def test_the_last_model_counts(pieces: Pieces) -> None:
    """Of a repeated key the last one is routed by, as every parser behind the gateway reads it."""
    assert Body.parse(text_of(pieces)).model == json.loads(slots_of(pieces, "model")[-1].text)


@FAST
@given(STREAMS)
def test_usage_is_asked_for_and_nothing_else(pieces: Pieces) -> None:
    """`include_usage` becomes true inside the options that came; everything else in them and around stays."""
    expected = text_of(pieces, lambda slot: OPTIONS[slot.text] if slot.key == "stream_options" else slot.text)
    assert Body.parse(text_of(pieces)).asking_for_usage().raw == expected


@FAST
@given(ONE_MODEL)
def test_options_are_added_at_the_end(pieces: Pieces) -> None:
    """Without stream_options they are added behind the last member."""
    raw = text_of(pieces)
    head = raw[: raw.rindex(b"}")]
    expected = head + b',"stream_options":{"include_usage":true}' + raw[len(head) :]
    assert Body.parse(raw).asking_for_usage().raw == expected


@FAST
@given(STREAMS, NAMES)
def test_both_changes_together(pieces: Pieces, name: str) -> None:
    """The order of the two changes does not matter."""
    body = Body.parse(text_of(pieces))
    assert body.with_model(name).asking_for_usage().raw == body.asking_for_usage().with_model(name).raw


@FAST
@given(STREAMS)
def test_asking_twice_changes_nothing_more(pieces: Pieces) -> None:
    """A body that asks already is left alone, byte for byte."""
    once = Body.parse(text_of(pieces)).asking_for_usage()
    assert Body.parse(once.raw).asking_for_usage().raw == once.raw


@FAST
@given(STREAMS)
def test_what_the_client_asked_for(pieces: Pieces) -> None:
    """`asks_for_usage` is true for `include_usage: true` and for nothing that merely looks like it."""
    options = json.loads(slots_of(pieces, "stream_options")[-1].text)
    asked = isinstance(options, dict) and options.get("include_usage") is True
    assert Body.parse(text_of(pieces)).asks_for_usage is asked


@FAST
@given(ONE_MODEL | MODELS | STREAMS)
def test_decoded_body_is_what_any_parser_reads(pieces: Pieces) -> None:
    """`json()` gives plugins what Python's own parser reads from the bytes."""
    raw = text_of(pieces)
    assert Body.parse(raw).json() == json.loads(raw)


def test_repeated_options_keep_their_own_bytes() -> None:
    """Of repeated stream_options each keeps its own fields; only include_usage is set."""
    raw = b'{"model":"m","stream_options":{"a":1},"stream_options":{"b":2}}'
    asked = Body.parse(raw).asking_for_usage().raw
    assert b'"a":1' in asked
    assert asked.endswith(b'{"b":2,"include_usage":true}}')
