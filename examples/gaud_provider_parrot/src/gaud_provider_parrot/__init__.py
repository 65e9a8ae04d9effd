"""A parrot as an upstream of Gaud: it says what it hears, and needs no server for that."""

from collections.abc import AsyncGenerator, Sequence

from gaud_core import Call, ChatProvider, Event, Model, UpstreamRefused, Usage, option, settings

__all__ = ["Parrot", "ParrotSettings"]


@settings
class ParrotSettings:
    """Settings of [providers.parrot]."""

    greeting: str = option(default="", help="What it says first, if anything.", creates=True)


class Parrot(ChatProvider[ParrotSettings]):
    """Says the last message once more, word by word."""

    name = "parrot"
    label = "Parrot"

    def known_models(self) -> Sequence[Model]:
        """Need no asking."""
        return [Model("echo", owned_by="the jungle")]

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Whole answers and streams are both made of this."""
        _, heard = self.messages(call)[-1]
        words = heard.split()
        if not words:
            raise UpstreamRefused("Say something first.", status=400)
        for word in [*self.settings.greeting.split(), *words]:
            yield f"{word} "
        yield Usage(input_tokens=len(words), output_tokens=len(words))
