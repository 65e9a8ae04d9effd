"""Acme passes Gaud's conformance kit."""

from gaud_provider_acme import Acme

from gaud_core.testing import HTTPProviderTests, LiveProviderTests


class TestAcme(HTTPProviderTests):
    """On a scripted upstream that speaks OpenAI's dialect."""

    provider = Acme


class TestAcmeLive(LiveProviderTests):
    """On a real server: `pytest -m live`, with GAUD_ACME_URL and GAUD_ACME_API_KEY set."""

    provider = Acme
    model = "acme-small"
