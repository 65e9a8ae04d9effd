"""What a body must be to travel at all, and what is said of one that cannot."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaud_core import ApiError, Body

FAST = settings(max_examples=300, deadline=None)

# Bytes that are nearly JSON: tokens in any order.
NEARLY = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b'"model"',
            b'"m"',
            b"1",
            b"-",
            b"01",
            b"1.",
            b".5",
            b"1e",
            b"NaN",
            b"null",
            b"true",
            b"tru",
            b'"',
            b"\\",
            b" ",
            b"\n",
            b'"\\x"',
            b'"\\ud800"',
            b"\x00",
            b"\xff",
            b"\t",
            b"'",
            b'"a\x01"',
            b'"\\u12"',
            b"Infinity",
            b"/*x*/",
            b"\xef\xbb\xbf",
            b'{"model":"m","a":',
        ]
    ),
    max_size=8,
).map(b"".join)


def _refusal(raw: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        Body.parse(raw)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no body"),
        (b" \n\t ", "no body"),
        (b"{", "not valid JSON"),
        (b'{"model":"m"', "not valid JSON"),
        (b'{"model":"m"} x', "not valid JSON"),
        (b'{"model":"m"}{"model":"n"}', "not valid JSON"),
        (b"{'model':'m'}", "not valid JSON"),
        (b'{"model":"m",}', "not valid JSON"),
        (b'{"model":"m","a":NaN}', "not valid JSON"),
        (b'{"model":"m","a":NaN,"b":"\\ud800"}', "not valid JSON"),
        (b'{"model":"m","b":"\\ud800","a":-Infinity}', "not valid JSON"),
        (b'{"model":"m","b":"\\x"}', "not valid JSON"),
        (b'\xef\xbb\xbf{"model":"m"}', "not valid JSON"),
        (b'{"model":"m","a":"\xff"}', "not valid UTF-8"),
        (b'{"model":"m","a":"\xed\xa0\x80"}', "not valid UTF-8"),
        ('{"model":"m"}'.encode("utf-16"), "not valid UTF-8"),
        ('{"model":"m"}'.encode("utf-16-le"), "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"model"', "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{}", "names no `model`"),
        (b'{"modell":"m"}', "names no `model`"),
        (b'{"Model":"m"}', "has a member `Model`. Write `model`, in lower case."),
        (b'{"model":"m","MODEL":"n"}', "has a member `MODEL`"),
        (b'{"MODEL":"n","model":"m","a":"\\ud800"}', "has a member `MODEL`"),
        (b'{"model":"m","\\u004dax_tokens":9}', "has a member `Max_tokens`"),
        ('{"model":"m","max_tokenſ":9}'.encode(), "Write `max_tokens`"),
        ('{"model":"m","maX_to\u212aens":9}'.encode(), "Write `max_tokens`"),
        (b'{"model":"m","Stream":true,' + b'"a":"",' * 30_000 + b'"b":1}', "has a member `Stream`"),
        (b'{"messages":[{"model":"m"}]}', "names no `model`"),
        (b'{"model":null}', "must be a string"),
        (b'{"model":7}', "must be a string"),
        (b'{"model":["m"]}', "must be a string"),
        (b'{"model":"m","model":{}}', "must be a string"),
        (b'{"model":""}', "is empty"),
        (b'{"model":"  "}', "is empty"),
        (b'{"model":"m","model":""}', "is empty"),
        (b'{"model":"a\\nb"}', "characters that no model name has"),
        (b'{"model":"a\\u0000"}', "characters that no model name has"),
        (b'{"model":"a\\u202eb"}', "characters that no model name has"),
        (b'{"model":"\\ud800","messages":[]}', "characters that no model name has"),
        (b'{"model":"m","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"deep":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "nested too deeply"),
        (b"[" * 100_000, "must be a JSON object"),
    ],
)
def test_refused_with_a_sentence(raw: bytes, said: str) -> None:
    """What no upstream could read is a 400 whose message says what is wrong."""
    error = _refusal(raw)
    assert error.http_status == 400
    assert said in error.message
    assert json.loads(error.body())["error"]["type"] == "invalid_request_error"


@FAST
@given(NEARLY | st.binary(max_size=60))
@example(b'{"model":"m","a":01}')
@example(b'{"model":"m","a":1.}')
@example(b'{"model":"m","a":"\x01"}')
@example(b'{"model":"m","a":-}')
@example(b'{"model":"m","a":"\\u12"}')
@example(b'{"model":"m","a\\x":1}')
def test_accepts_exactly_what_is_json(raw: bytes) -> None:
    """Python's strict parser and the gateway agree on what is JSON, and only ApiErrors are raised."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        value = None
    model = value.get("model") if isinstance(value, dict) else None
    if isinstance(model, str) and model.strip() and model.isprintable():
        assert Body.parse(raw).model == model
    else:
        assert _refusal(raw).http_status == 400


@pytest.mark.parametrize(
    ("text", "stream"),
    [("true", True), ("false", False), ("null", False), ("1", False), ('"true"', False), ("true ", True)],
)
def test_only_true_is_a_stream(text: str, stream: bool) -> None:
    """OpenAI's `stream` is a boolean; whatever else stands there is the upstream's to judge."""
    assert Body.parse(b'{"model":"m","stream":%b}' % text.encode()).stream is stream


@pytest.mark.parametrize(
    "name", ["gpt-4o", "a b", "bedrock/us.anthropic.claude-v2:0", "*", "grüße", "😀", "x" * 10**6]
)
def test_any_printable_name_is_a_name(name: str) -> None:
    """Slashes, colons, spaces, other scripts and great length do not disturb."""
    body = Body.parse(json.dumps({"model": f"acme:{name}"}).encode())
    assert json.loads(body.with_model(name).raw) == {"model": name}


def test_lone_surrogates_elsewhere_are_no_fault() -> None:
    """JSON's grammar allows half a character in a string, so it travels."""
    raw = b'{"messages":["\\ud83d"],"model":"a","stream":true,"stream_options":{"x":"\\ude00"}}'
    body = Body.parse(raw)
    assert (body.model, body.stream) == ("a", True)
    assert body.with_model("b").raw == raw.replace(b'"a"', b'"b"')


def test_same_name_costs_nothing() -> None:
    """A call without prefix travels as the very same bytes."""
    body = Body.parse(b'{"model":"m"}')
    assert body.with_model("m") is body


def test_lone_surrogate_at_the_end_is_no_fault() -> None:
    """The same holds for one that stands among the last bytes, as a message cut in mid emoji does."""
    assert Body.parse(b'{"model":"m","messages":[{"role":"user","content":"cut \\ud83d"}]}').model == "m"


@pytest.mark.parametrize("name", ["Model", "MAX_TOKENS", "N", "Stream_Options", "Temperature"])
def test_names_inside_are_free(name: str) -> None:
    """Only members of the request itself are the gateway's business, and only those that it reads."""
    inside = {"model": "m", "tools": [{name: {name: 1}}], "Temperature": 1, "metadata": {name: f'"{name}":'}}
    assert Body.parse(json.dumps(inside).encode()).model == "m"


def test_a_member_can_be_set_and_renamed() -> None:
    """For what an upstream wants otherwise; every other byte stays, and the lengths are read anew."""
    body = Body.parse(b'{ "model" : "m", "max_tokens": 1e3 , "n":1.0, "service_tier":"auto"}')
    renamed = body.renamed("max_tokens", "max_completion_tokens")
    assert renamed.raw == b'{ "model" : "m", "max_completion_tokens": 1e3 , "n":1.0, "service_tier":"auto"}'
    assert renamed.lengths == {"max_completion_tokens": 1000.0, "n": 1.0}
    assert body.with_member("service_tier", None).raw.endswith(b'"n":1.0, "service_tier":null}')
    assert body.with_member("store", False).raw.endswith(b'"service_tier":"auto","store":false}')
    assert body.renamed("absent", "new").raw == body.raw
