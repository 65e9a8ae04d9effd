"""`ProviderTests`: what holds for every provider, whatever it calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import attrs
import pytest

from gaud_core import ConfigError, ProviderError
from gaud_core.config import SECTIONS, env_prefix
from gaud_core.config.instances import core_variables
from gaud_core.gateway.dialects import ENDPOINTS
from gaud_core.gateway.guests.plugins import GROUP, objection_to
from gaud_core.settings import Secret, describe, load, options_of

from .answers import Answer
from .imports import Imported, look_at_import
from .kit import CONTRACT, Kit, since
from .served import ServedGateway
from .upstream import ScriptedUpstream

__all__ = ["ProviderTests"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SECRET_NAME = re.compile(r"(^|_)(key|token|secret|password|passwd|credentials?)$")
_IMPORT_SECS = 0.1
_TRIES = 5  # a busy machine is slow now and then
_CRASH = "the provider raised an exception"
_BAD_PAGES = (
    Answer.error(500),
    Answer.html(),
    Answer.json(b"null"),
    Answer.json(b"[]"),
    Answer.json({"data": None}),
    Answer.json({"data": [None, {"id": 7}]}),
    Answer.whole(b"\xff not JSON", content_type="application/json"),
    Answer.reset(),
)
_IMPORTED = pytest.StashKey[dict[str, Imported]]()


class ProviderTests(Kit):
    """The tests of every provider: its name, its settings, its secrets, its import, its models and health."""

    @pytest.fixture
    def imported(self, request: pytest.FixtureRequest) -> Imported:
        """What the import of the provider's module costs and does; the best of several tries."""
        known = request.config.stash.setdefault(_IMPORTED, {})
        module = self.provider.__module__
        if module not in known:
            tries = [look_at_import(module)]
            while tries[-1].seconds > _IMPORT_SECS and len(tries) < _TRIES:
                tries.append(look_at_import(module))
            known[module] = min(tries, key=lambda each: each.seconds)
        return known[module]

    @since("1.0")
    def test_name_is_a_routing_prefix(self) -> None:
        """Look at the class attribute `name`: it stands before the `:` of a model and in variables."""
        name = self.provider.name
        assert _NAME.fullmatch(str(name)), (
            f"`name` is {name!r}, and clients write it before a colon: use small letters, digits, `-` and "
            "`_`, with a letter or a digit first."
        )
        assert name not in SECTIONS, (
            f"`name` is `{name}`, which is a section of Gaud's own: choose another one."
        )

    @since("1.0")
    def test_class_can_be_a_plugin(self) -> None:
        """Look at the head of the class: its base, its settings class, `patterns` and `endpoints`."""
        reason = objection_to(self.provider.name, self.provider)
        assert not reason, f"Gaud would not take {self.provider.__name__} as a provider: {reason}."
        odd = [word for word in self.provider.endpoints if not word or word != word.strip("/ ")]
        assert self.provider.endpoints and not odd, (
            f"`endpoints` is {set(self.provider.endpoints)}: name paths below /v1/, without slashes around "
            "them."
        )

    @since("1.0")
    def test_entry_point_leads_to_the_class(self) -> None:
        """Look at the entry points in pyproject.toml, and install the distribution."""
        if not self.installed:
            pytest.skip("the test class says that the provider is not installed (`installed = False`)")
        points = [
            point
            for dist in metadata.distributions()
            for point in dist.entry_points
            if point.group == GROUP and point.name == self.provider.name
        ]
        assert points, (
            f"No installed distribution has an entry point `{self.provider.name}` in the group `{GROUP}`, so "
            "Gaud cannot find the provider. Declare it in pyproject.toml and run `pip install -e .` again."
        )
        assert points[0].load() is self.provider, (
            f"The entry point `{self.provider.name}` leads to {points[0].value}, which is another class."
        )

    @since("1.0")
    def test_contract_is_a_level_of_this_kit(self) -> None:
        """Look at the class attribute `contract`: it says which level of the tests the provider passes."""
        claimed = self.provider.contract
        assert re.fullmatch(r"\d+\.\d+", str(claimed)), (
            f"`contract` is {claimed!r}: write a level such as {CONTRACT!r}."
        )
        newest = tuple(int(part) for part in CONTRACT.split("."))
        assert tuple(int(part) for part in claimed.split(".")) <= newest, (
            f"`contract` is {claimed}, but this kit knows levels up to {CONTRACT}: install a newer gaud-core."
        )

    @since("1.0")
    def test_settings_have_help_and_variables(self) -> None:
        """Look at the option() that is named: people read its help, containers set its variable."""
        for option in describe(self.provider.settings_class):
            assert len(option.help.split()) > 1 or option.help.endswith("."), (
                f"The setting `{option.name}` explains itself with {option.help!r}: write a sentence as its "
                "`help`."
            )
            assert option.env or option.name in self.without_variable, (
                f"The setting `{option.name}` has `env=None`, so a container cannot set it. Leave `env` out, "
                "or name the setting in `without_variable` of the test class."
            )

    @since("1.0")
    def test_variables_are_not_gauds_own(self) -> None:
        """Look at `name` and at `env=` of the option: together they must not be a variable of Gaud itself."""
        prefix, own = env_prefix(self.provider.name), core_variables()
        for option in describe(self.provider.settings_class):
            variable = f"{prefix}{option.env}"
            assert variable not in own, (
                f"`{option.name}` is set by {variable}, which is Gaud's own: rename one."
            )

    @since("1.0")
    def test_settings_are_the_same_from_the_environment(self, lasting_upstream: ScriptedUpstream) -> None:
        """Look at the `check` of the option that differs: it must take text, and its own result once more."""
        given, cls = self.settings(lasting_upstream.url), self.provider.settings_class
        options = options_of(cls)
        prefix = env_prefix(self.provider.name)
        by_variable = {name: value for name, value in given.items() if options[name].env}
        rest = {name: value for name, value in given.items() if name not in by_variable}
        environ = {f"{prefix}{options[name].env}": _as_text(value) for name, value in by_variable.items()}
        from_file = self._load(given, {})
        from_environment = self._load(rest, environ)
        for name in options:
            file, variable = getattr(from_file, name), getattr(from_environment, name)
            assert file == variable, (
                f"The setting `{name}` is {file!r} from the file but {variable!r} from its variable."
            )
            again = getattr(attrs.evolve(from_file), name)
            assert file == again, (
                f"The `check` of `{name}` makes {again!r} of its own result {file!r}: it must accept what it "
                "gave back."
            )

    @since("1.0")
    def test_secrets_are_declared_as_secrets(self) -> None:
        """Look at the type of the option that is named: only a `Secret` is hidden everywhere."""
        for option in describe(self.provider.settings_class):
            open_text = option.type in {"str", "text"} and not option.secret
            assert not (open_text and _SECRET_NAME.search(option.name)), (
                f"The setting `{option.name}` sounds like a secret but is plain text: declare it as `Secret`."
            )

    @since("1.0")
    def test_secrets_do_not_show_in_repr(self, gateway: ServedGateway) -> None:
        """Look at `__repr__` and `__str__` of the provider and of its settings."""
        instance, settings = gateway.instance, gateway.settings
        shown = "".join(
            [repr(instance), str(instance), repr(settings), str(settings), f"{instance}{settings}"]
        )
        for secret in self.secrets(gateway):
            assert secret not in shown, (
                "A secret is in the repr of the provider or of its settings: leave it out."
            )

    @since("1.0")
    def test_secrets_do_not_show_on_pages(self, gateway: ServedGateway) -> None:
        """Look at what models(), health() and the settings say: pages show it to people."""
        for page in ("/", "/health", "/v1/models", "/admin/settings"):
            answer = gateway.http.get(page)
            seen = answer.text + str(answer.headers)
            for secret in self.secrets(gateway):
                assert secret not in seen, (
                    f"A secret is on the page {page}: look at models(), health() and explain()."
                )

    @since("1.0")
    def test_import_is_quick(self, imported: Imported) -> None:
        """Look at the imports at the top of the module: move heavy ones into the functions."""
        assert not imported.error, f"`import {self.provider.__module__}` fails: {imported.error}"
        assert imported.seconds < _IMPORT_SECS, (
            f"`import {self.provider.__module__}` takes {imported.seconds * 1000:.0f} ms, and every command "
            f"of Gaud imports it: stay below {_IMPORT_SECS * 1000:.0f} ms. `python -X importtime` shows what "
            "takes so long."
        )

    @since("1.0")
    def test_import_does_nothing(self, imported: Imported) -> None:
        """Look for code at the top of the module that calls something: move it into start()."""
        assert not imported.done, (
            f"`import {self.provider.__module__}` uses the network, a process or a thread "
            f"({', '.join(imported.done)}): do that in start()."
        )

    @since("1.0")
    def test_start_does_not_need_the_upstream(self, gateway: ServedGateway) -> None:
        """Look at start(): an upstream that is down when Gaud starts must not put the provider out of use."""
        self.need_upstream()
        shown = gateway.shown("kit-dead")
        assert shown["stage"] == "serving", (
            f"With its upstream down the provider did not start ({shown['detail']}): leave the network to "
            "models() and to calls, which are tried again."
        )

    @since("1.0")
    def test_models_are_named_without_prefix(self, gateway: ServedGateway) -> None:
        """Look at models() and known_models(): the prefix is Gaud's business, and a name is listed once."""
        ids = [model["id"] for model in gateway.http.get("/v1/models").json()["data"]]
        prefix = f"{gateway.name}:"
        double = [name for name in ids if name.startswith(prefix * 2)]
        assert not double, (
            f"models() gives names that begin with the prefix `{prefix}` already: {double[:3]}."
        )

    @since("1.0")
    def test_models_come_without_a_crash(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """Look at models(), known_models() and health(): the log has the traceback of what they raised."""
        error = gateway.ask_again()
        assert error is None, f"models() failed on a good upstream: {error}. {_last_crash(gateway)}"
        shown = gateway.shown()
        assert shown["healthy"], (
            f"health() calls a good upstream unhealthy: {shown['detail']}. If it asks the upstream at a path "
            "of its own, give an answer for that in `upstream_pages()` of the test class."
        )

    @since("1.0")
    def test_models_and_health_survive_a_broken_upstream(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look at how models() and health() read an answer: for a bad one, raise UpstreamFailed."""
        self.need_upstream()
        pages = self.upstream_pages()
        try:
            for bad in _BAD_PAGES:
                upstream.reset(bad)
                for path in pages:
                    upstream.on(path, bad)
                before = len(gateway.log)
                gateway.ask_again()
                self._no_crash(gateway, before, f"an answer {bad.status} of {_shape(bad)}")
            before = len(gateway.log)
            gateway.ask_again("kit-dead")
            self._no_crash(gateway, before, "a dead upstream")
        finally:
            self.show_pages(upstream)
            gateway.ask_again()

    @since("1.0")
    def test_models_and_health_spend_nothing(
        self, gateway: ServedGateway, upstream: ScriptedUpstream
    ) -> None:
        """Look at models() and health(): Gaud asks them again and again, so they must not call a model."""
        gateway.ask_again()
        posts = [f"{seen.method} {seen.path}" for seen in upstream.seen if seen.method not in {"GET", "HEAD"}]
        assert not posts, f"models() or health() sends {', '.join(posts)}: ask a page that costs nothing."

    @since("1.0")
    def test_explain_never_fails(self, gateway: ServedGateway) -> None:
        """Look at explain(): it gets failures of every kind, and gives a sentence or None."""
        for status in (400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 504):
            for message in ("", "It said no.", "\x00\ud800"):
                try:
                    hint = gateway.instance.explain(ProviderError(message, status=status))
                except Exception as error:
                    pytest.fail(f"explain() raised {error!r} for a failure with the status {status}.")
                assert hint is None or isinstance(hint, str), (
                    f"explain() gave {hint!r} for {status}: give text or None."
                )

    @since("1.0")
    def test_endpoints_are_known(self) -> None:
        """Look at `endpoints`: at least one of them must be one that Gaud serves."""
        known = sorted(self.provider.endpoints.intersection(ENDPOINTS))
        assert known, (
            f"Gaud serves none of {sorted(self.provider.endpoints)}, so the provider is never called; it "
            f"serves {', '.join(ENDPOINTS)}."
        )

    def _load(self, table: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
        name = self.provider.name
        try:
            return load(
                self.provider.settings_class,
                path=f"providers.{name}",
                table=table,
                environ=environ,
                env_prefix=env_prefix(name),
            ).value
        except ConfigError as error:
            pytest.fail(f"The settings cannot be read: {error}")

    def _no_crash(self, gateway: ServedGateway, before: int, what: str) -> None:
        crashes = [line for line in gateway.log[before:] if _CRASH in line]
        assert not crashes, (
            f"models() or health() crashed on {what}: catch what reading it can raise, and raise "
            f"UpstreamFailed with a sentence.\n{crashes[0]}"
        )


def _as_text(value: Any) -> str:
    """A value as a person writes it into an environment variable."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(_as_text(item) for item in value)
    return str(value)


def _last_crash(gateway: ServedGateway) -> str:
    return next((line for line in reversed(gateway.log) if _CRASH in line), "")


def _shape(answer: Answer) -> str:
    return next((value for name, value in answer.headers if name == "content-type"), "no HTTP at all")
