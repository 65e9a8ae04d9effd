"""`ChatProviderTests`: for upstreams that speak something else, or for providers without any."""

from __future__ import annotations

from .answer_tests import AnswerTests
from .calls import expect_status
from .failure_tests import FailureTests
from .kit import since
from .life_tests import LifeTests
from .reading import error_of, excerpt
from .served import ServedGateway
from .upstream import ScriptedUpstream

__all__ = ["ChatProviderTests"]

_ODD_MESSAGES: tuple[object, ...] = (
    [],
    None,
    "text",
    [{"role": "user", "content": None}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    [{"role": "user"}],
)


class ChatProviderTests(AnswerTests, FailureTests, LifeTests):
    """All tests of a provider that translates: `class TestParrot(ChatProviderTests)`.

    Say in `upstream_answer()` how the upstream says a text in its own protocol, and in `usage` how many
    tokens it tells with that; or `has_upstream = False` for a provider that answers by itself.
    """

    @since("1.0")
    def test_odd_messages_are_no_crash(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how `messages` is read: a list of parts is legal, and what is not legal is a 400."""
        for messages in _ODD_MESSAGES:
            self.says(upstream, stream=False)
            answer = self.ask(gateway, messages=messages)
            assert error_of(answer.content).get("code") != "provider_crashed", (
                f"The provider raised an exception on `messages` = {messages!r}: raise UpstreamRefused(…, "
                "status=400) with a sentence. Gaud's log above has the traceback."
            )
            expect_status(answer, 200, 400, look=f"`messages` was {messages!r}.")

    @since("1.0")
    def test_parts_of_a_message_are_read(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at how `content` is read: clients send a text, or a list of parts with a `text` each."""
        text = "mark-7-test"
        if self.has_upstream:
            upstream.reset(self.repeats_marks())
        answer = self.ask(gateway, messages=[{"role": "user", "content": [{"type": "text", "text": text}]}])
        expect_status(answer, 200, look="The content of the message was a list with one part of text.")
        assert text in answer.text, f"The text in a list of parts did not arrive: {excerpt(answer.content)}"
