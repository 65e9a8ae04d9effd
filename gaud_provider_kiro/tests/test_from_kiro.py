"""From Kiro's events to the answer that a client gets, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Secret
from gaud_provider_kiro import KiroSettings

from .asking import Heard, ask, cut_at
from .conversations import ARGUMENTS
from .eventstream import event, exception, failure, frame
from .kiro import TAIL, calls

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def says(*pieces: str) -> list[bytes]:
    """Text in pieces."""
    return [event("assistantResponseEvent", {"content": piece}) for piece in pieces]


def thinks(text: str = "", signature: str = "") -> bytes:
    """Native thinking."""
    told = {"text": text, "signature": signature}
    return event("reasoningContentEvent", {name: value for name, value in told.items() if value})


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[bytes], Heard]:
    """An answer, and what a client must hear of it."""
    thoughts, texts = (
        draw(st.lists(st.text(max_size=8), max_size=3)),
        draw(st.lists(st.text(max_size=8), max_size=4)),
    )
    frames = [thinks(text) for text in thoughts] + says(*texts)
    heard = []
    names = draw(st.lists(st.sampled_from(["look", "find"]), max_size=3))
    for number, name in enumerate(names):
        value = {"number": number, "more": draw(ARGUMENTS)}  # no two calls are the same
        arguments = json.dumps(value, ensure_ascii=draw(st.booleans()))
        cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
        pieces = [arguments[a:b] for a, b in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
        frames += calls(name, pieces, f"tooluse_{number}")
        heard.append((f"tooluse_{number}", name, arguments))
    ending = "tool_calls" if names else "stop"
    return [*frames, *TAIL], Heard("".join(texts), "".join(thoughts), tuple(heard), ending)


@settings(deadline=None)
@given(answers(), st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
def test_an_answer_arrives_as_it_is(told: tuple[list[bytes], Heard], cuts: list[int], stream: bool) -> None:
    """Text, thoughts, calls and arguments are identical, whole and streamed, however the bytes are cut."""
    frames, heard = told
    assert ask(cut_at(b"".join(frames), cuts), stream=stream) == heard


@BOTH
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([event("codeEvent", {"content": "Hi"})], id="code"),
        pytest.param(
            [event("assistantResponseEvent", {"assistantResponseEvent": {"content": "Hi"}})], id="wrapped"
        ),
        pytest.param([event("initial-response", {}), *says("Hi")], id="initial"),
        pytest.param(
            [*says("H"), event("codeReferenceEvent", {"references": [{}]}), *says("i")], id="references"
        ),
        pytest.param([event("followupPromptEvent", {"followupPrompt": {}}), *says("Hi")], id="followup"),
        pytest.param(
            [*says("Hi"), event("supplementaryWebLinksEvent", {"supplementaryWebLinks": []})], id="links"
        ),
        pytest.param(
            [*says("Hi"), event("citationEvent", {"target": {}, "citationText": "x"})], id="citation"
        ),
        pytest.param([event("messageMetadataEvent", {"conversationId": "c"}), *says("Hi")], id="metadata"),
        pytest.param([event("intentsEvent", {}), event("toolResultEvent", {}), *says("Hi")], id="ignored"),
        pytest.param(
            [event("somethingNew", [1]), frame({":message-type": "event"}), *says("Hi")], id="unknown"
        ),
        pytest.param([event("assistantResponseEvent", {"content": None}), *says("Hi")], id="null"),
    ],
)
def test_every_kind_of_event(frames: list[bytes], stream: bool) -> None:
    """What is text arrives, the rest is passed over."""
    assert ask([*frames, *TAIL], stream=stream) == Heard("Hi", finish="stop")


@BOTH
def test_native_thinking_with_its_signature(stream: bool) -> None:
    """The signature is there to be sent back."""
    heard = ask(
        [thinks("hm, "), thinks("yes"), thinks(signature="c2ln"), *says("Yes."), *TAIL], stream=stream
    )
    assert heard == Heard("Yes.", "hm, yes", finish="stop", blocks=("c2ln",))


@BOTH
def test_emulated_thinking(stream: bool) -> None:
    """Tags become reasoning if thinking was asked for, and are text if it was not."""
    frames = [*says("<thin", "king>hm</think", "ing>\n", "\nYes."), *TAIL]
    assert ask(frames, stream=stream, reasoning_effort="low") == Heard("Yes.", "hm", finish="stop")
    assert ask(frames, stream=stream) == Heard("<thinking>hm</thinking>\n\nYes.", finish="stop")


@BOTH
@pytest.mark.parametrize(
    ("frames", "arguments"),
    [
        pytest.param(calls("look", []), "{}", id="none"),
        pytest.param(calls("look", [" "]), " {}", id="blank"),
        pytest.param(
            [event("toolUseEvent", {"toolUseId": "t", "name": "look", "input": {"a": 1}})],
            '{"a": 1}',
            id="object",
        ),
        pytest.param(calls("look", ['{"a":', "1}"])[:-1], '{"a":1}', id="no stop"),
        pytest.param(calls("look", ["{}"]) + calls("look", ["{}"]), "{}", id="the same id again"),
        pytest.param(
            calls("look", ["{", "}"], "a") + calls("look", ["{}"], "b"), "{}", id="the same call again"
        ),
        pytest.param(
            [
                *calls("look", [])[:1],
                *(event("toolUseEvent", more) for more in ({"input": "{}"}, {"stop": True})),
            ],
            "{}",
            id="no id in the pieces",
        ),
    ],
)
def test_tool_calls_that_are_odd(frames: list[bytes], arguments: str, stream: bool) -> None:
    """One call arrives, with arguments that are JSON."""
    heard = ask([*frames, *TAIL], stream=stream)
    assert ([call[1:] for call in heard.tools], heard.finish) == ([("look", arguments)], "tool_calls")


@BOTH
def test_interleaved_calls(stream: bool) -> None:
    """Pieces belong to their id."""
    one, two = calls("look", ["[", "]"], "a"), calls("find", ['{"b":', "2}"], "b")
    one = calls("look", ['{"a":', "1}"], "a")
    mixed = [piece for pair in zip(one, two, strict=True) for piece in pair]
    heard = ask([*mixed, *TAIL], stream=stream)
    assert heard.tools == (("a", "look", '{"a":1}'), ("b", "find", '{"b":2}'))


@BOTH
def test_calls_that_begin_alike(stream: bool) -> None:
    """A second call of one tool waits until it differs, and then arrives whole."""
    frames = calls("look", ['{"a":', "1}"], "a") + calls("look", ['{"a":', "2", "}"], "b")
    heard = ask([*frames, *TAIL], stream=stream)
    assert [call[2] for call in heard.tools] == ['{"a":1}', '{"a":2}']


@BOTH
def test_a_name_that_was_shortened_comes_back(stream: bool) -> None:
    """The client knows only his own."""
    name = "x" * 80
    tool = {"type": "function", "function": {"name": name}}
    from gaud_provider_kiro.to_kiro import Manner, ask_kiro

    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    sent = ask_kiro(body, Manner("m"), ("c", "a")).toolbox.wire_name(name)
    heard = ask([*calls(sent, ["{}"]), *TAIL], stream=stream, tools=[tool])
    assert [call[1] for call in heard.tools] == [name]


BROKEN = {
    "no tail": says("Hi"),
    "nothing": [],
    "torn": [*says("Hi"), TAIL[0][:-3]],
    "a call that is cut": [*calls("look", ['{"a":'])[:-1], *TAIL],
    "an event that cannot be read": [*says("Hi"), event("toolUseEvent", {"name": 7}), *TAIL],
    "a bad checksum": [*says("Hi"), TAIL[0][:-1] + b"\x00", *TAIL],
    "no stream": [b"<html>no</html>"],
    "an invalid state": [*says("Hi"), event("invalidStateEvent", {"reason": "X", "message": "No plan."})],
    "an error": [*says("Hi"), failure("InternalError", "It broke.")],
    "an exception": [*says("Hi"), exception("InternalServerException", "It broke.")],
    "an exception as an event": [
        *says("Hi"),
        event("x", {"_type": "a#InternalServerException", "message": "No."}),
    ],
}


@BOTH
@pytest.mark.parametrize("frames", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_answer_is_no_success(frames: list[bytes], stream: bool) -> None:
    """It ends with an error that is the upstream's."""
    error = ask(frames, stream=stream).error
    assert error is not None
    assert error.http_status in {502, 503}


def test_an_answer_without_a_tail_if_that_is_allowed() -> None:
    """The tail is what others have seen, and nobody promises it."""
    lenient = KiroSettings(api_key=Secret("ksk_test"), require_tail=False)
    assert ask(says("Hi"), stream=False, settings=lenient) == Heard("Hi", finish="stop")
    assert ask([], stream=False, settings=lenient).error is not None


@pytest.mark.parametrize(
    ("kind", "message", "reason", "status", "code"),
    [
        ("ThrottlingException", "Slow down.", None, 429, "rate_limit_exceeded"),
        ("ThrottlingError", "No room.", "INSUFFICIENT_MODEL_CAPACITY", 429, "model_overloaded"),
        ("ValidationException", "Input is too long.", None, 400, "context_length_exceeded"),
        ("ContentLengthExceededException", "Too long.", None, 400, "context_length_exceeded"),
        ("AccessDeniedException", "No.", None, 403, None),
        ("ServiceQuotaExceededException", "Enough.", "MONTHLY_REQUEST_COUNT", 429, "insufficient_quota"),
        ("SomethingNewException", "Hm.", None, 502, "upstream_failed"),
    ],
)
def test_an_exception_at_the_beginning(
    kind: str, message: str, reason: str | None, status: int, code: str | None
) -> None:
    """It is told as if it had been the status of the answer."""
    error = ask([exception(kind, message, reason)], stream=True).error
    assert error is not None
    assert (error.http_status, error.error_code) == (status, code)


@BOTH
def test_an_answer_that_is_too_long(stream: bool) -> None:
    """The upstream's exception, and a window that is full, become a finish reason."""
    frames = [*says("Hi"), exception("ContentLengthExceededException", "Too long.")]
    assert ask(frames, stream=stream) == Heard("Hi", finish="length")
    full = event("contextUsageEvent", {"contextUsagePercentage": 100.0})
    assert ask([*says("Hi"), full], stream=stream) == Heard("Hi", finish="length")


@BOTH
def test_stop_sequences(stream: bool) -> None:
    """Kiro knows none, so the text ends before the first here, also across events."""
    frames = [*says("one EN", "D two"), *TAIL]
    assert ask(frames, stream=stream, stop=["END", "two"]) == Heard("one ", finish="stop")
    assert ask([*says("one EN"), *TAIL], stream=stream, stop="END") == Heard("one EN", finish="stop")


@BOTH
def test_the_longest_answer(stream: bool) -> None:
    """Kiro knows no limit, so a text that is surely longer is cut; one that may be within it is not."""
    long = [*says(*["word " * 10] * 100), *TAIL]
    heard = ask(long, stream=stream, max_tokens=100)
    assert (heard.finish, 400 <= len(heard.text) <= 600) == ("length", True)
    assert heard.usage is None or heard.usage["completion_tokens"] < 200
    assert ask([*says("word " * 80), *TAIL], stream=stream, max_tokens=100).finish == "stop"


COUNTED = {
    "uncachedInputTokens": 3,
    "cacheReadInputTokens": 20,
    "cacheWriteInputTokens": 100,
    "outputTokens": 7,
    "totalTokens": 130,
}


@pytest.mark.parametrize("kind", ["metadataEvent", "messageMetadataEvent"])
def test_usage_that_the_upstream_counts(kind: str) -> None:
    """It is taken as it is, and is no estimate."""
    usage = ask([*says("Hi"), event(kind, {"tokenUsage": COUNTED}), *TAIL], stream=False).usage
    assert usage == {
        "context_usage_percentage": 4.0,
        "prompt_tokens": 123,
        "completion_tokens": 7,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 20},
        "units": 0.25,
    }


def test_usage_by_the_part_of_the_window() -> None:
    """The window's tokens less those of the answer, and it says that it is an estimate."""
    usage = ask([*says("Hi there, you"), *TAIL], stream=False).usage
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["estimated"]) == (8000 - 4, 4, True)


def test_usage_that_nobody_tells() -> None:
    """It is guessed from the texts."""
    usage = ask([*says("日本" * 30), TAIL[0]], stream=False).usage
    assert (usage["completion_tokens"], usage["estimated"]) == (40, True)
    assert 50 < usage["prompt_tokens"] < 200


def test_reasoning_is_part_of_the_answer() -> None:
    """As OpenAI counts it."""
    usage = ask([thinks("x" * 40), *says("y" * 40), *TAIL], stream=False).usage
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 10}


@pytest.mark.parametrize("bad", [-1, 1e300, float("nan"), float("inf")])
def test_numbers_that_are_none(bad: float) -> None:
    """They count as not told."""
    odd = [
        event("contextUsageEvent", {"contextUsagePercentage": bad}),
        event("meteringEvent", {"usage": bad, "unit": "credit"}),
    ]
    usage = ask([*says("Hi"), *odd], stream=False).usage
    assert ("units" in usage, "context_usage_percentage" in usage) == (False, False)


def test_what_is_too_long_for_any_memory() -> None:
    """An upstream that never ends is left."""
    piece = says("x" * 1_000_000)[0]
    error: Any = ask([piece] * 70, stream=False).error
    assert "longer than 64 MB" in str(error)
