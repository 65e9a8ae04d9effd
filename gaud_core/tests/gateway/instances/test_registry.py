"""Which instance a model's name leads to, and what is said when it leads to none."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from gaud_core import Model
from gaud_core.errors import ModelNotFound
from gaud_core.gateway.instances.instance import Instance
from gaud_core.gateway.instances.registry import Registry

from ..guests.providers import Guest
from ..support import instance_of


def _instance(name: str, *models: str, patterns: tuple[str, ...] = ()) -> Instance:
    def known_models(self: object) -> Sequence[Model]:
        return [Model(model) for model in models]

    return instance_of(type("Some", (Guest,), {"patterns": patterns, "known_models": known_models}), name)


def _registry(*instances: Instance) -> Registry:
    return Registry({instance.name: instance for instance in instances})


@pytest.fixture
def registry() -> Registry:
    """Three instances, two of which list the same model."""
    return _registry(
        _instance("work", "gpt-4o", "shared", patterns=("gpt-*", "o1*")),
        _instance("home", "gpt-4o", "shared", "work:odd", "free", patterns=("gpt-5*", "shared")),
        _instance("third", "us/claude:v2", patterns=("*",)),
    )


@pytest.mark.parametrize(
    ("model", "instance", "rest"),
    [
        ("work:gpt-4o", "work", "gpt-4o"),
        ("home:gpt-4o", "home", "gpt-4o"),
        ("home:never-listed", "home", "never-listed"),
        ("work:a:b/c:d", "work", "a:b/c:d"),
        ("work:home:x", "work", "home:x"),
        ("work::", "work", ":"),
        ("work: ", "work", " "),
        ("work:odd", "work", "odd"),
        ("home:bedrock/us.anthropic.claude-v2:0", "home", "bedrock/us.anthropic.claude-v2:0"),
        ("gpt-4o", "work", "gpt-4o"),
        ("shared", "home", "shared"),
        ("free", "home", "free"),
        ("gpt-5-mini", "work", "gpt-5-mini"),
        ("o1-preview", "work", "o1-preview"),
        ("us/claude:v2", "third", "us/claude:v2"),
        ("anything", "third", "anything"),
        ("GPT-4o", "third", "GPT-4o"),
        ("nobody:gpt-4o", "third", "nobody:gpt-4o"),
    ],
)
def test_route(registry: Registry, model: str, instance: str, rest: str) -> None:
    """Prefix, then exact name (a claim breaks ties), then patterns in the order of the configuration."""
    route = registry.route(model)
    assert (route.instance.name, route.model) == (instance, rest)


def _asked(instance: Instance) -> Instance:
    """Give the instance as it is after it has told its models."""
    instance.discovered_at = 1.0
    return instance


def test_a_claim_counts_for_what_is_listed() -> None:
    """Who has told what he has gets no other name, though he claims it; with his prefix he gets any."""
    registry = _registry(_asked(_instance("work", "gpt-4o", patterns=("gpt-*",))))
    assert registry.route("gpt-4o").instance.name == "work"
    assert registry.route("work:gpt-4-0613").model == "gpt-4-0613"
    assert _said(registry, "gpt-4-0613").startswith("There is no model `gpt-4-0613`.")


def test_a_claim_of_who_lists_nothing() -> None:
    """A provider that cannot list gets all that it claims, before who lists a pattern."""
    registry = _registry(_instance("broad", "gpt-*"), _asked(_instance("mute", patterns=("gpt-*",))))
    assert registry.route("gpt-4o").instance.name == "mute"


def test_a_claim_of_who_has_not_answered() -> None:
    """It is a guess: it counts as long as nobody lists the name, or a pattern for it."""
    silent = _instance("silent", patterns=("gpt-*",))
    assert _registry(silent).route("gpt-4o").instance.name == "silent"
    assert _registry(silent, _instance("broad", "gpt-*")).route("gpt-4o").instance.name == "broad"


def _said(registry: Registry, model: str) -> str:
    with pytest.raises(ModelNotFound) as caught:
        registry.route(model)
    assert caught.value.http_status == 404
    assert caught.value.param == "model"
    return caught.value.message


def test_near_names() -> None:
    """A slip of the finger is met with the names that are near."""
    registry = _registry(_instance("acme", "gpt-4o", "gpt-4o-mini", "claude"))
    assert "Did you mean `acme:gpt-4o`" in _said(registry, "acmee:gpt-4o")
    assert "`acme:claude`?" in _said(registry, "acmd:claude")


def test_same_name_behind_another_prefix() -> None:
    """The full names of the model are shown, not names that only look alike."""
    registry = _registry(_instance("acme", "gpt-4o", "gpt-4x"), _instance("work", "gpt-4o"))
    assert _said(registry, "nope:gpt-4o").endswith(
        "Did you mean `acme:gpt-4o` or `work:gpt-4o`?"
    ) or "acme:gpt-4o" in (_said(registry, "nope:gpt-4o"))


def test_near_names_are_those_that_may_be_used() -> None:
    """A key hears nothing of models that it may not use."""
    registry = _registry(_instance("acme", "gpt-4o", "gpt-4x"))
    with pytest.raises(ModelNotFound) as caught:
        registry.route("nope:gpt-4o", lambda instance, model: (instance, model) == ("acme", "gpt-4x"))
    assert caught.value.message == "There is no model `nope:gpt-4o`. Did you mean `acme:gpt-4x`?"


def test_nothing_near() -> None:
    """Far from every name, the prefixes are shown."""
    registry = _registry(_instance("acme", "gpt-4o"), _instance("work"))
    assert "Names begin with `acme:`, `work:`; GET /v1/models lists them." in _said(registry, "zzzzzzzz")


def test_no_provider_at_all() -> None:
    """The message says how to configure one."""
    assert "No provider is configured" in _said(Registry(), "gpt-4o")


def test_provider_that_is_not_installed() -> None:
    """A known provider's prefix brings the command that installs it; a made-up one never reaches it."""
    asked = []

    def hint(name: str) -> str:
        asked.append(name)
        return 'Install it with: pip install "gaud[other]"' if name == "other" else ""

    registry = Registry({}, {}, hint)
    assert 'provider `other` is not installed. Install it with: pip install "gaud[other]"' in _said(
        registry, "other:m"
    )
    for strange in ("$(rm -rf /):m", "Other:m", "x" * 100 + ":m", "ö:m", ":m", "-x:m"):
        assert "pip install" not in _said(registry, strange)
    assert asked == ["other"]


def test_broken_provider_names_its_reason() -> None:
    """Somebody who calls a provider that is configured and broken learns why."""
    registry = Registry({}, {"acme": "providers.acme.url: is missing."})
    assert "The provider `acme` cannot be used: providers.acme.url: is missing." in _said(registry, "acme:m")


@pytest.mark.parametrize("model", ["acme:", ":", "", "a" * 100_000, "ünïcode", "`", "acme"])
def test_odd_names(model: str) -> None:
    """Nothing odd leads anywhere, and messages are of bounded length."""
    assert len(_said(_registry(_instance("acme", "gpt-4o")), model)) < 500


def test_patterns_are_not_listed() -> None:
    """An id with a star stands for many names and is none itself."""
    registry = _registry(_instance("acme", "gpt-4o", "bedrock/*"))
    assert [name for name, _, _ in registry.listed()] == ["acme:gpt-4o"]


def test_listed_pattern_routes() -> None:
    """A name without prefix that a listed pattern covers leads to its instance."""
    registry = _registry(_instance("acme", "bedrock/*"))
    assert registry.route("bedrock/claude").model == "bedrock/claude"


def test_first_of_a_name_counts() -> None:
    """A model that is listed twice by one instance is shown once."""
    registry = _registry(_instance("acme", "a", "b", "a"))
    assert [name for name, _, _ in registry.listed()] == ["acme:a", "acme:b"]


def test_not_found_is_quick() -> None:
    """A wrong name among many thousands blocks nobody for long."""
    import time

    registry = _registry(_instance("acme", *(f"vendor/family-{n}-instruct-{n * 7}" for n in range(10_000))))
    begun = time.perf_counter()
    _said(registry, "vendor/family-instruct-" + "7" * 150)
    assert time.perf_counter() - begun < 1


def test_a_call_costs_the_same_with_five_thousand_models() -> None:
    """A name is looked up, whatever leads to it; no list is gone through."""

    def work(count: int, model: str) -> int:
        instance = _instance(
            "many", "vendor/*", *(f"m{number}" for number in range(count)), patterns=("gpt-*",)
        )
        registry, steps = _registry(instance), [0]

        def count_one(*_: object) -> None:
            steps[0] += 1

        sys.setprofile(count_one)
        try:
            registry.route(model)
        finally:
            sys.setprofile(None)
        return steps[0]

    for model in ("many:m3", "m3", "vendor/x"):
        work(10, model)  # the first time, patterns are compiled
        assert work(10, model) == work(5000, model)
