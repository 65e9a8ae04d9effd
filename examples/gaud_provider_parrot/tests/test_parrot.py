"""The parrot passes Gaud's conformance kit."""

from gaud_provider_parrot import Parrot

from gaud_core import Usage
from gaud_core.testing import ChatProviderTests, ServedGateway


class TestParrot(ChatProviderTests):
    """It has no upstream: what the kit wants to hear, it says to the parrot."""

    provider = Parrot
    model = "echo"
    has_upstream = False
    refused_text = " "
    usage = Usage(6, 6)  # the words of the kit's text

    def test_it_says_what_it_hears(self, gateway: ServedGateway) -> None:
        """A test of its own, beside those of the kit."""
        answer = self.ask(gateway, "Polly wants a cracker").json()
        assert answer["choices"][0]["message"]["content"] == "Polly wants a cracker "
