"""What all classes of the kit share: what an author says of a provider, and the servers for it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import pytest

from gaud_core import Provider, Token
from gaud_core.settings import Secret, options_of

from .answers import Answer
from .served import ServedGateway
from .upstream import ScriptedUpstream

__all__ = ["CONTRACT", "Kit", "since"]

F = TypeVar("F", bound=Callable[..., Any])

CONTRACT = "1.0"
"""The newest level of the contract that this kit tests."""

_KIT = __name__.rpartition(".")[0]
_QUICK_SECS = 0.1
_DEAD = "kit-dead"


def since(level: str) -> Callable[[F], F]:
    """Say at which level of the contract a test came; it is skipped for providers that claim an older one."""

    def mark(test: F) -> F:
        test.gaud_since = level  # type: ignore[attr-defined]
        return test

    return mark


class Kit:
    """The base of the kit's classes: set `provider`, and override what does not fit.

    A test of the kit can only be overridden with `@pytest.mark.xfail(reason="…")`, so that whoever reads the
    tests sees what a provider cannot do, and why.
    """

    gaud_kit = True
    provider: ClassVar[type[Provider[Any]]]
    """The class under test."""
    model: ClassVar[str] = "scripted"
    """The name of a model that can be called, without the prefix."""
    has_upstream: ClassVar[bool] = True
    """Whether calls go to a server; without one the tests about its failures are skipped."""
    installed: ClassVar[bool] = True
    """Whether the provider is installed as a distribution with an entry point."""
    without_variable: ClassVar[frozenset[str]] = frozenset()
    """Settings that have no environment variable on purpose."""

    def settings(self, url: str) -> Mapping[str, Any]:
        """The section of the configuration for an upstream at `url`, as in TOML.

        Without an override: `url` if there is such an option, and a test key for every Secret.
        """
        options = options_of(self.provider.settings_class)
        secrets = {name: f"sk-test-{name}-8d1f" for name, option in options.items() if option.secret}
        return ({"url": url} if "url" in options else {}) | secrets

    def quick_settings(self, url: str, seconds: float) -> Mapping[str, Any] | None:
        """The same with so short a limit on the time for an answer; None if there is no such setting."""
        if "timeout_secs" not in options_of(self.provider.settings_class):
            return None
        return {**self.settings(url), "timeout_secs": seconds}

    def token(self, url: str) -> Token | None:
        """What a login has given, for a LoginProvider whose upstream is at `url`."""
        return None

    def upstream_pages(self) -> Mapping[str, Answer]:
        """What the upstream answers at paths that are not calls, such as its list of models."""
        row = {"id": self.model, "object": "model", "created": 0, "owned_by": "test"}
        return {"/v1/models": Answer.json({"object": "list", "data": [row]})}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # pytest collects a class with True whatever its name is, and one with another truth if the name fits
        cls.__test__ = 0 if _is_ours(cls) else 1  # type: ignore[attr-defined]
        if not _is_ours(cls):
            _refuse_silent_overrides(cls)
            if cls.__name__.startswith("Test") and not hasattr(cls, "provider"):
                raise TypeError(f"{cls.__name__} tests no provider: write `provider = YourProvider` in it.")

    @pytest.fixture(scope="class")
    @classmethod
    def lasting_upstream(cls) -> Iterator[ScriptedUpstream]:
        """The upstream of all tests of a class; take `upstream`, which is clean."""
        with ScriptedUpstream.in_thread() as server:
            cls().show_pages(server)
            yield server
            server.reset()

    @pytest.fixture(scope="class")
    @classmethod
    def gateway(
        cls, lasting_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[ServedGateway]:
        """A real Gaud in front of the upstream; besides `main` it has the instances `quick` and `dead`."""
        kit, url, dead = cls(), lasting_upstream.url, f"http://127.0.0.1:{free_port()}"
        sections = kit.sections(url, dead)
        tokens = kit.tokens({name: dead if name == _DEAD else url for name in sections})
        folder = tmp_path_factory.mktemp("gaud")
        with ServedGateway(cls.provider, sections, folder, tokens=tokens) as served:
            yield served

    @pytest.fixture
    def upstream(self, lasting_upstream: ScriptedUpstream) -> Iterator[ScriptedUpstream]:
        """The upstream, without script and memory."""
        lasting_upstream.reset()
        yield lasting_upstream
        lasting_upstream.raise_errors()

    def show_pages(self, upstream: ScriptedUpstream) -> None:
        """Let an upstream answer at the paths that are not calls."""
        for path, answer in self.upstream_pages().items():
            upstream.on(path, answer)

    def sections(self, url: str, dead_url: str) -> dict[str, Mapping[str, Any]]:
        """The instances of the gateway: one as it should be, one in a hurry, one whose upstream is dead."""
        sections = {self.provider.name: self.settings(url)}
        if self.has_upstream:
            sections[_DEAD] = self.settings(dead_url)
            if quick := self.quick_settings(url, _QUICK_SECS):
                sections["kit-quick"] = quick
        return sections

    def tokens(self, urls: Mapping[str, str]) -> dict[str, Token]:
        """The token of each instance, by its name; `urls` are the instances' upstreams."""
        found = {name: self.token(url) for name, url in urls.items()}
        return {name: token for name, token in found.items() if token is not None}

    def need_upstream(self) -> None:
        """Skip a test that is about an upstream when there is none."""
        if not self.has_upstream:
            pytest.skip(f"{self.provider.__name__} has no upstream (`has_upstream = False`)")

    def secrets(self, gateway: ServedGateway) -> list[str]:
        """The secrets in the settings under test."""
        settings = gateway.settings
        values = [getattr(settings, name) for name in options_of(type(settings))]
        return [value.reveal() for value in values if isinstance(value, Secret) and value]


def free_port() -> int:
    """Give a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ours(cls: type) -> bool:
    return cls.__module__ == _KIT or cls.__module__.startswith(f"{_KIT}.")


def _refuse_silent_overrides(cls: type) -> None:
    ours = {name for base in cls.__mro__[1:] if _is_ours(base) for name in vars(base)}
    for name, value in vars(cls).items():
        if name in ours and name.startswith("test_") and not _says_why(value):
            raise TypeError(
                f"{cls.__name__}.{name} overrides a test of the kit. If {cls.__name__} cannot pass it, keep "
                "the "
                'test and say why: @pytest.mark.xfail(reason="…") above a method that calls '
                f"super().{name}(…)."
            )


def _says_why(test: object) -> bool:
    marks = getattr(test, "pytestmark", ())
    return any(mark.name == "xfail" and str(mark.kwargs.get("reason", "")).strip() for mark in marks)
