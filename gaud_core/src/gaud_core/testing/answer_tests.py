"""`AnswerTests`: calls that go well, whatever the upstream speaks."""

from __future__ import annotations

import re

import httpx
import pytest

from .calls import PIECES, TEXT, Calls, expect_status
from .kit import since
from .reading import Streamed, excerpt, held, recut, text_of, tools_of
from .served import ServedGateway
from .signal import Signal
from .upstream import ScriptedUpstream

__all__ = ["AnswerTests"]

_TOOL = "look_up"
_ARGUMENTS = ('{"place":', ' "Mün', "chen 🦜", '"}')


class AnswerTests(Calls):
    """Whole answers and streams: their shape, their text, their usage, their tool calls, and 50 at once."""

    @since("1.0")
    def test_whole_answer_has_openais_shape(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at what send() or chat() gives for a call without `stream`: one `chat.completion` object."""
        self.says(upstream, stream=False)
        answer = self.ask(gateway)
        expect_status(
            answer, 200, look="The upstream answered as `upstream_answer()` says: look at send() or chat()."
        )
        body = answer.json()
        choice = (body.get("choices") or [{}])[0]
        assert body.get("object") == "chat.completion", (
            f"`object` is not `chat.completion`: {excerpt(answer.content)}"
        )
        assert choice.get("message", {}).get("role") == "assistant", (
            f"No assistant speaks: {excerpt(answer.content)}"
        )
        assert choice.get("finish_reason") == "stop", (
            f"`finish_reason` is {choice.get('finish_reason')!r} instead of 'stop': yield Finish('stop') or "
            "nothing."
        )

    @since("1.0")
    def test_stream_has_openais_shape(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at the events of a stream: chunks, one finish reason, and one `[DONE]` at the very end."""
        self.says(upstream, stream=True)
        streamed = self.ask_streamed(gateway)
        assert not streamed.errors, f"The stream of a good upstream holds an error: {streamed.errors[0]}"
        objects = {chunk.get("object") for chunk in streamed.chunks}
        assert objects == {"chat.completion.chunk"}, (
            f"The stream holds {objects}, not only chat.completion.chunk."
        )
        assert streamed.finish == ["stop"], (
            f"The finish reasons of the stream are {streamed.finish} instead of one 'stop': look at where "
            "Finish is yielded."
        )
        assert streamed.dones == 1 and streamed.raw.rstrip().endswith(b"[DONE]"), (
            f"A stream ends with one `[DONE]`; this one has {streamed.dones} and ends with "
            f"{streamed.raw[-80:]!r}."
        )

    @since("1.0")
    def test_same_text_whole_and_streamed(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how pieces are joined: no piece lost, none twice, no blank added or cut off."""
        self.says(upstream, stream=False)
        whole = text_of(self.ask(gateway).json())
        self.says(upstream, stream=True)
        streamed = self.ask_streamed(gateway).text
        assert whole == streamed, f"The whole answer says {whole!r}, the stream says {streamed!r}."
        if self.has_upstream:
            assert whole == TEXT, f"The upstream said {TEXT!r}, the client got {whole!r}."

    @since("1.0")
    def test_text_survives_however_it_is_cut(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look at how bytes are read: a piece from the network may end inside a line or a character."""
        self.need_upstream()
        for stream in (False, True):
            upstream.reset(recut(self.upstream_answer(PIECES, stream=stream)))
            text = self.ask_streamed(gateway).text if stream else text_of(self.ask(gateway).json())
            assert text == TEXT, (
                f"When the upstream's bytes come a few at a time, the client gets {text!r} instead of "
                f"{TEXT!r}: collect bytes until a line is whole before decoding it."
            )

    @since("1.0")
    def test_stream_starts_before_it_ends(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for a place that collects the answer before it gives the first piece."""
        self.need_streams()
        gate = Signal()
        upstream.reset(held(self.upstream_answer(PIECES, stream=True), gate))
        with self.first_bytes(gateway, gate) as came:
            assert came, (
                "The upstream had said the first half of its answer, but no text came to the client: pass "
                "each piece on as soon as it is there, and do not read the upstream's answer as a whole."
            )

    @since("1.0")
    def test_usage_is_reported(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at where usage is read from a whole answer: without it the books have only guesses."""
        self._check_usage(gateway, upstream, stream=False)

    @since("1.0")
    def test_usage_of_a_stream_is_reported(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at where usage is read from a stream: it often comes last, after the text."""
        self._check_usage(gateway, upstream, stream=True)

    @since("1.0")
    def test_usage_is_shown_to_those_who_ask(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look at how often usage is told: once, at the end, and only to a client who asked for it."""
        if self.usage is None:
            pytest.skip("the upstream never tells usage (`usage = None`)")
        self.says(upstream, stream=True)
        asked = self.ask_streamed(gateway, stream_options={"include_usage": True})
        silent = self.ask_streamed(gateway)
        assert len(asked.usage) == 1, f"A client who asked for usage got it {len(asked.usage)} times."
        assert silent.usage == [], f"A client who did not ask got usage: {silent.usage[0]}"

    @since("1.0")
    def test_tool_calls_arrive(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how tool calls are put together: one name, and the arguments as one JSON text."""
        self._calls_a_tool(upstream, stream=False)
        answer = self.ask(gateway).json()
        assert tools_of(answer) == [(_TOOL, "".join(_ARGUMENTS))], f"The tool calls are {tools_of(answer)}."
        reason = answer["choices"][0]["finish_reason"]
        assert reason == "tool_calls", (
            f"`finish_reason` of a tool call is {reason!r} instead of 'tool_calls'."
        )

    @since("1.0")
    def test_streamed_tool_calls_arrive(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how the pieces of a tool call get their index, and at bytes that end inside a character."""
        for cut in (False, True):
            self._calls_a_tool(upstream, stream=True, cut=cut)
            tools = self.ask_streamed(gateway).tools
            assert tools == [(_TOOL, "".join(_ARGUMENTS))], f"The pieces of the tool call join to {tools}" + (
                " when the upstream's bytes come a few at a time." if cut else "."
            )

    @since("1.0")
    def test_model_goes_without_prefix(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at which model is sent: `call.model` has no prefix, and the upstream knows none."""
        self.need_upstream()
        self.says(upstream, stream=False)
        self.ask(gateway)
        seen = upstream.wait_call().request
        prefixed = f"{gateway.name}:{self.model}".encode()
        assert prefixed not in seen.head + seen.body, (
            f"The upstream was asked for `{prefixed.decode()}`: take `call.model` or `call.body`, which have "
            "no prefix."
        )

    @since("1.0")
    def test_credentials_go_along(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at headers(): each Secret of the settings must reach the upstream, but never in the URL."""
        self.need_upstream()
        if not self.needs_credentials or not self.secrets(gateway):
            pytest.skip("there is no Secret in the settings, or it is not sent along with calls")
        self.says(upstream, stream=False)
        self.ask(gateway)
        seen = upstream.wait_call()
        request = (seen.request.head + seen.body).decode("utf-8", "replace")
        for secret in self.secrets(gateway):
            assert secret in request, (
                "The upstream got a call without the key of the settings: look at headers()."
            )
            assert secret not in seen.target, (
                "The key stands in the URL, where logs of proxies show it: use a header."
            )

    @since("1.0")
    def test_fifty_calls_at_once_do_not_mix(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look for what one call keeps on `self` or in a global: every call needs its own."""
        if self.has_upstream:
            upstream.reset(self.repeats_marks())
        for number, answer in enumerate(self.fifty_at_once(gateway)):
            assert isinstance(answer, httpx.Response), f"Of 50 calls at once, one failed with {answer!r}."
            expect_status(answer, 200, look="This was one of 50 calls at once.")
            streamed = answer.headers["content-type"].startswith("text/event-stream")
            text = Streamed.read(answer.content).text if streamed else text_of(answer.json())
            assert re.findall(r"mark-\d+-test", text) == [f"mark-{number}-test"], (
                f"Of 50 calls at once, call {number} got {text!r}: calls share something."
            )

    def _check_usage(self, gateway: ServedGateway, upstream: ScriptedUpstream, *, stream: bool) -> None:
        if self.usage is None:
            pytest.skip("the upstream never tells usage (`usage = None`)")
        self.says(upstream, stream=stream)
        told = gateway.usage_of(self.ask(gateway, stream=stream))
        assert told is not None, (
            f"The upstream told {self.usage.input_tokens} tokens in and {self.usage.output_tokens} out, but "
            "Gaud heard of none: yield a Usage, or leave the upstream's `usage` in the answer."
        )
        wanted = (self.usage.input_tokens, self.usage.output_tokens)
        assert (told.input_tokens, told.output_tokens) == wanted, (
            f"Gaud counted {told.input_tokens} tokens in and {told.output_tokens} out; the upstream told "
            f"{wanted[0]} and {wanted[1]}."
        )

    def _calls_a_tool(self, upstream: ScriptedUpstream, *, stream: bool, cut: bool = False) -> None:
        answer = self.upstream_tool_answer(_TOOL, _ARGUMENTS, stream=stream)
        if answer is None:
            pytest.skip("the upstream knows no tools: override `upstream_tool_answer()` if it does")
        upstream.reset(recut(answer) if cut else answer)
