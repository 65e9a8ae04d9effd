"""The instances that serve now, and which of them a model's name leads to."""

from __future__ import annotations

import asyncio
import difflib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

import attrs
from msgspec import Struct

from gaud_core.bridge import reached_from
from gaud_core.errors import ModelNotFound
from gaud_core.gateway.instances.instance import Instance
from gaud_core.provider import Model

__all__ = ["Registry", "Route"]

_COMPARED_NAMES = 500  # about 15 ms of the event loop at most
_SHOWN_NAME = 200
_DISCOVERY_PATIENCE_SECS = 5.0
MayUse = Callable[[str, str], bool]
"""Whether an instance's model, both by name, is open to who asks."""

_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")


class Route(Struct, frozen=True):
    """Where a call goes, the model's name there, and why: `prefix`, `listed`, `pattern` or `maker`."""

    instance: Instance
    model: str
    chosen_by: str = "prefix"


@attrs.frozen
class Registry:
    """Instances by name, in the order of the configuration; replaced as a whole, never changed.

    `broken` says why configured instances are not among them; `install_hint` gives the command that
    installs a provider, or nothing.
    """

    instances: Mapping[str, Instance] = attrs.field(factory=dict)
    broken: Mapping[str, str] = attrs.field(factory=dict)
    install_hint: Callable[[str], str] = lambda name: ""

    def route(self, model: str, may_use: MayUse = lambda instance, model: True, endpoint: str = "") -> Route:
        """Find the instance for a model: by prefix, by exact name, by pattern; else ModelNotFound.

        Of several without a prefix those win that serve `endpoint`. What the error tells of other models is
        only of those that the caller may use.
        """
        prefix, colon, rest = model.partition(":")
        if colon and rest and prefix in self.instances:
            return Route(self.instances[prefix], rest)
        if (instance := self._by_exact_name(model, endpoint)) is not None:
            return Route(instance, model, "listed")
        if (instance := self._by_pattern(model, endpoint)) is not None:
            return Route(instance, model, "pattern")
        raise ModelNotFound(self._not_found(model, may_use), param="model")

    def is_looking(self, model: str) -> bool:
        """Whether what a name means may not be known yet."""
        return bool(self._looking(model))

    async def known(self, model: str = "") -> None:
        """Wait until it is known what the name means and costs, or for all names without one; 5 s at most.

        Right after a start the lists of models are on their way, and a call must not be free only because
        it came before its price.
        """
        if unknown := self._looking(model):
            with suppress(TimeoutError):
                async with asyncio.timeout(_DISCOVERY_PATIENCE_SECS):
                    for instance in unknown:
                        await instance.first_discovery.wait()

    def _looking(self, model: str) -> list[Instance]:
        asked = self.instances.get(model.partition(":")[0])
        return [one for one in ([asked] if asked else self.instances.values()) if one.is_looking]

    def listed(self) -> Iterator[tuple[str, Instance, Model]]:
        """Give each listed model with its full name."""
        for name, instance in self.instances.items():
            for model in instance.models:
                if not model.is_pattern:
                    yield f"{name}:{model.id}", instance, model

    def _by_exact_name(self, model: str, endpoint: str) -> Instance | None:
        having = [instance for instance in self.instances.values() if model in instance.by_id]
        having = _able(having, model, endpoint)
        claiming = [instance for instance in having if _claims(instance, model)]
        return next(iter(claiming or having), None)

    def _by_pattern(self, model: str, endpoint: str) -> Instance | None:
        """Take who claims the name and lists nothing at all, then who lists a pattern, then who may list it.

        Who has told what he has does not get a name that is not among it, whatever he claims.
        """
        instances = self.instances.values()
        claiming = [instance for instance in instances if _claims(instance, model)]
        alone = [instance for instance in claiming if instance.is_listed and not instance.models]
        listing = [instance for instance in instances if _lists_pattern(instance, model)]
        found = [*alone, *listing, *(instance for instance in claiming if not instance.is_listed)]
        return next(iter(_able(found, model, endpoint)), None)

    def _not_found(self, model: str, may_use: MayUse) -> str:
        shown = model if len(model) <= _SHOWN_NAME else model[:_SHOWN_NAME] + "…"
        prefix, colon, _ = model.partition(":")
        said = f"There is no model `{shown}`."
        if colon and prefix in self.broken:
            return f"{said} The provider `{prefix}` cannot be used: {self.broken[prefix]}"
        near = self._near(model, may_use)
        if near:
            return f"{said} Did you mean {' or '.join(f'`{name}`' for name in near)}?"
        hint = self.install_hint(prefix) if colon and _WORD.fullmatch(prefix) else ""
        if hint:
            return f"{said} The provider `{prefix}` is not installed. {hint}"
        return f"{said} {self._what_there_is()}"

    def _near(self, model: str, may_use: MayUse) -> list[str]:
        usable = (name for name, instance, listed in self.listed() if may_use(instance.name, listed.id))
        names = list(itertools.islice(usable, _COMPARED_NAMES))
        same = [name for name in names if name.partition(":")[2] == model]
        return same[:3] or difflib.get_close_matches(model[:_SHOWN_NAME], names, n=3, cutoff=0.6)

    def _what_there_is(self) -> str:
        if not self.instances:
            return "No provider is configured: add a section [providers.<name>] to llm-proxy.toml."
        prefixes = ", ".join(f"`{name}:`" for name in self.instances)
        return f"Names begin with {prefixes}; GET /v1/models lists them."


def _able(instances: list[Instance], model: str, endpoint: str) -> list[Instance]:
    """Give those that serve an endpoint themselves, else those to which a bridge leads, else all."""
    if not endpoint:
        return instances
    natives = [instance for instance in instances if endpoint in instance.serves(model)]
    bridged = [instance for instance in instances if reached_from(endpoint, instance.serves(model))]
    return natives or bridged or instances


def _claims(instance: Instance, model: str) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in instance.provider.patterns)


def _lists_pattern(instance: Instance, model: str) -> bool:
    """Whether a listed id such as `vendor/*` fits."""
    return any(fnmatchcase(model, pattern) for pattern in instance.listed_patterns)
