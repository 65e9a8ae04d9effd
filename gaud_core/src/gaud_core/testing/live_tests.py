"""`LiveProviderTests`: the real upstream, with real credentials, only when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from gaud_core import ConfigError, LoginProvider, Token
from gaud_core.config import env_prefix
from gaud_core.settings import load

from .calls import expect_status
from .kit import Kit, since
from .reading import Streamed, excerpt, text_of
from .served import ServedGateway

__all__ = ["LiveProviderTests"]

_ANSWER_SECS = 120.0
_QUESTION = "Answer with the one word: yes"


@pytest.mark.live
class LiveProviderTests(Kit):
    """A few cheap calls to the real upstream: `pytest -m live`, settings from the variables that Gaud reads.

    Set `model` to a cheap one. Without the variables the tests are skipped and name them.
    """

    def live_settings(self) -> Mapping[str, Any]:
        """The section of the configuration; without an override all comes from GAUD_<NAME>_… variables."""
        return {}

    def live_token(self) -> Token | None:
        """The login of a provider that needs one; the gateway of these tests works on a copy of it."""
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGateway]:
        """A real Gaud in front of the real upstream."""
        section = dict(cls().live_settings())
        name = cls.provider.name
        try:
            load(
                cls.provider.settings_class,
                path=f"providers.{name}",
                table=section,
                environ=os.environ,
                env_prefix=env_prefix(name),
            )
        except ConfigError as error:
            pytest.skip(
                f"the real upstream is not configured: {' '.join(str(each) for each in error.problems)}"
            )
        token = cls().live_token()
        if token is None and issubclass(cls.provider, LoginProvider):
            pytest.skip(f"nobody has logged in at {name}, or `live_token()` does not find the login")
        tokens = {} if token is None else {name: token}
        folder = tmp_path_factory.mktemp("live")
        with ServedGateway(cls.provider, {name: section}, folder, os.environ, tokens) as served:
            yield served

    @since("1.0")
    def test_live_models_are_listed(self, live: ServedGateway) -> None:
        """Look at models(): it failed, or does not list the model of the test class."""
        error = live.ask_again()
        assert error is None, f"models() failed: {error}"
        names = [model["id"] for model in live.http.get("/v1/models").json()["data"]]
        if not names:
            pytest.skip("the provider lists no models")
        assert f"{live.name}:{self.model}" in names, f"`{self.model}` is not among the {len(names)} models."

    @since("1.0")
    def test_live_upstream_is_healthy(self, live: ServedGateway) -> None:
        """Look at health(): calls work, so it must say so."""
        live.ask_again()
        assert live.shown()["healthy"], f"health() says: {live.shown()['detail']}"

    @since("1.0")
    def test_live_whole_answer(self, live: ServedGateway) -> None:
        """Look at the status and the message: credentials, the model's name, the upstream's mood."""
        answer = self._ask(live)
        expect_status(answer, 200, look="The real upstream refused.")
        assert text_of(answer.json()), f"The answer has no text: {excerpt(answer.content)}"
        assert live.usage_of(answer), "The upstream told no usage, or the provider did not read it."

    @since("1.0")
    def test_live_stream(self, live: ServedGateway) -> None:
        """Look at how the upstream streams: its pieces, its end, its usage."""
        answer = self._ask(live, stream=True)
        expect_status(answer, 200, look="The real upstream refused.")
        streamed = Streamed.read(answer.content)
        assert streamed.text and streamed.dones == 1, f"The stream is not whole: {excerpt(streamed.raw)}"
        assert not streamed.errors, f"The stream holds an error: {streamed.errors[0]}"
        assert live.usage_of(answer), (
            "The upstream told no usage for a stream, or the provider did not read it."
        )

    @since("1.0")
    def test_live_unknown_model_is_refused(self, live: ServedGateway) -> None:
        """Look at the status: a model that does not exist is the client's mistake, a 4xx."""
        answer = self._ask(live, model="no-such-model-4711")
        assert 400 <= answer.status_code < 500, (
            f"An unknown model got {answer.status_code}: {excerpt(answer.content)}"
        )

    def _ask(self, live: ServedGateway, model: str = "", **fields: Any) -> httpx.Response:
        body = live.body(_QUESTION, model or self.model, **fields)
        return live.http.post(
            "/v1/chat/completions",
            content=body,
            headers={"content-type": "application/json"},
            timeout=_ANSWER_SECS,
        )
