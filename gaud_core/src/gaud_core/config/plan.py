"""What a change of the configuration would do, for people: a diff, and which providers start and stop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from gaud_core.config.instances import safe_options
from gaud_core.config.listing import shown_value
from gaud_core.config.model import Config, Instance, certificate_problem, network_problem, section_of
from gaud_core.config.sections import SECTIONS
from gaud_core.errors import Problem
from gaud_core.settings import Option

__all__ = ["Change", "Plan", "in_force", "make_plan", "same_instance"]

Known = Mapping[str, tuple[Option | None, Any]]
_RESTART = "  (waits for a restart)"


@attrs.frozen(kw_only=True)
class Change:
    """One setting that changes; values are JSON, secrets are `********` on both sides.

    A section that is added or removed is one change of each of its settings that was set.
    """

    kind: Literal["added", "changed", "removed"]
    key: str
    before: Any = None
    after: Any = None
    live: bool = True
    """False: it waits for a restart."""
    secret: bool = False

    def __str__(self) -> str:
        sign = {"added": "+", "changed": "~", "removed": "-"}[self.kind]
        return f"{sign} {self.key} = {self._values()}" + ("" if self.live else _RESTART)

    def _values(self) -> str:
        if self.secret and self.kind == "changed":
            return "******** (another one)"
        before, after = (json.dumps(value, ensure_ascii=False) for value in (self.before, self.after))
        return {"added": after, "removed": before, "changed": f"{before} -> {after}"}[self.kind]


@attrs.frozen(kw_only=True)
class Plan:
    """What would happen; with `problems` nothing would, and each of them says what is wrong and its cure."""

    changes: tuple[Change, ...] = ()
    starts: tuple[str, ...] = ()
    """Instances that are new."""
    replaces: tuple[str, ...] = ()
    """Instances that start anew with other settings; their running calls end on the old ones."""
    stops: tuple[str, ...] = ()
    """Instances that end, after their running calls."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    base: str = ""
    """The version that it starts from; give it back to `apply` so that nobody's change is lost in between."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.changes or self.starts or self.replaces or self.stops)

    def __str__(self) -> str:
        """All of it in lines for people."""
        doings = ("starts", "replaces", "stops")
        told = [f"{name}: {', '.join(getattr(self, name))}" for name in doings if getattr(self, name)]
        lines = [*(str(change) for change in self.changes), *told]
        return "\n".join(lines) or "Nothing changes."


def make_plan(running: Config, said: Config, wanted: Config, base: str = "") -> Plan:
    """Compare what is `said` now with what is `wanted`; `running` is what is in force."""
    effective = in_force(wanted, running)
    old, new = running.instances, effective.instances
    usable = {name for name, instance in new.items() if instance.settings is not None}
    known = {name for name, instance in old.items() if instance.settings is not None}
    kept = {name for name in usable & known if same_instance(old[name], new[name])}
    return Plan(
        changes=tuple(_changes(said, wanted)),
        starts=tuple(name for name in new if name in usable - known),
        replaces=tuple(name for name in new if name in (usable & known) - kept),
        stops=tuple(name for name in old if name in known - usable),
        problems=tuple(_problems(said, wanted, effective)),
        warnings=tuple(warning for warning in wanted.warnings if warning not in said.warnings),
        base=base,
    )


def in_force(wanted: Config, running: Config) -> Config:
    """Give what of a configuration can be applied now: what waits for a restart stays as it runs."""
    sections = {}
    for name, cls in SECTIONS.items():
        fixed = [option.name for option in safe_options(cls).values() if not option.live]
        runs = section_of(running, name)
        if fixed:
            kept = {option: getattr(runs, option) for option in fixed}
            sections[name.rpartition(".")[2]] = attrs.evolve(section_of(wanted, name), **kept)
    instances = {name: _fixed(one, running.instances.get(name)) for name, one in wanted.instances.items()}
    return attrs.evolve(wanted, **sections, instances=instances)


def same_instance(old: Instance, new: Instance) -> bool:
    """Whether nothing has changed for an instance, so that it goes on with all that it has."""
    try:
        return bool(old.provider == new.provider and old.settings == new.settings)
    except Exception:  # protects the change from a settings class that cannot compare
        return False


def _fixed(wanted: Instance, running: Instance | None) -> Instance:
    """An instance with those of its settings that wait for a restart as they run."""
    settings = wanted.settings
    if settings is None or running is None or type(running.settings) is not type(settings):
        return wanted
    options = safe_options(type(settings)).values()
    kept = {option.name: getattr(running.settings, option.name) for option in options if not option.live}
    return attrs.evolve(wanted, settings=attrs.evolve(settings, **kept)) if kept else wanted


def _problems(said: Config, wanted: Config, effective: Config) -> Iterator[Problem]:
    """What stands against it; a provider's section that was wrong before may stay so."""
    for name, instance in wanted.instances.items():
        known = said.instances[name].problems if name in said.instances else ()
        yield from (problem for problem in instance.problems if problem not in known)
    together = (
        network_problem(effective.server, effective.auth),
        certificate_problem(effective.server, effective.tls_client_cert),
    )
    yield from (problem for problem in together if problem)


def _changes(said: Config, wanted: Config) -> Iterator[Change]:
    old, new = _known(said), _known(wanted)
    for key in [*new, *(key for key in old if key not in new)]:
        (option, before), (_, after) = old.get(key) or (None, None), new.get(key) or (None, None)
        option = option or (new[key][0] if key in new else None)
        kind: Literal["added", "changed", "removed"] = "changed"
        if key not in old or key not in new:
            kind = "added" if key in new else "removed"
            if not _is_set(key, wanted if kind == "added" else said):
                continue
        elif before == after:
            continue
        yield Change(
            kind=kind,
            key=key,
            before=shown_value(before),
            after=shown_value(after),
            live=option is None or option.live or kind != "changed",
            secret=option is not None and option.secret,
        )


def _is_set(key: str, config: Config) -> bool:
    """Whether the file or a variable says it; what is only a default is not worth a line."""
    return key.endswith(".provider") or (key in config.sources and config.sources[key].kind != "default")


def _known(config: Config) -> Known:
    """Every setting by key, with its option."""
    known: dict[str, tuple[Option | None, Any]] = {}
    for section, cls in SECTIONS.items():
        for name, option in safe_options(cls).items():
            known[f"{section}.{name}"] = option, getattr(section_of(config, section), name)
    for instance in config.instances.values():
        path = f"providers.{instance.name}"
        if instance.provider != instance.name:
            known[f"{path}.provider"] = None, instance.provider
        if instance.settings is not None:
            for name, option in safe_options(type(instance.settings)).items():
                known[f"{path}.{name}"] = option, getattr(instance.settings, name)
    return known
