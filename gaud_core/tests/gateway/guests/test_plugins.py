"""Discovery: each plugin in its own guard, every reason kept, a switch that raises instead."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from gaud_core import PluginError
from gaud_core.gateway.guests.plugins import GROUP, Plugin, discover, install_hint, left_out, load_plugin

GOOD = """
from gaud_core import Provider, option, settings
@settings
class S:
    "Settings."
    note: str = option(default="", help="Nothing.")
class {cls}(Provider[S]):
    "A provider."
    name = "{name}"
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with one entry point on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)

    def install(name: str, code: str, target: str = "P", distribution: str = "", group: str = GROUP) -> None:
        module = f"plugin_{distribution or name}_test".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{distribution or 'gaud-' + name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution or 'gaud-' + name}\nVersion: 1.5\n"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{target}\n")

    yield install
    for module in set(sys.modules) - known:
        if module.startswith("plugin_"):
            del sys.modules[module]


def _found(*names: str) -> dict[str, Plugin]:
    found = discover({"GAUD_PLUGINS": ",".join(names)})
    return {plugin.name: plugin for plugin in found}


def test_good_plugin(install: Install) -> None:
    """It is found with its distribution and version."""
    install("good", GOOD.format(cls="P", name="good"))
    plugin = _found("good")["good"]
    assert (plugin.distribution, plugin.version, plugin.reason, plugin.stage) == (
        "gaud-good",
        "1.5",
        "",
        "installed",
    )
    assert plugin.provider is not None
    assert plugin.provider.name == "good"


META = """
from gaud_core import Provider
class M(type(Provider)):
    name = property(lambda cls: 1 / 0)
class P(Provider, metaclass=M):
    pass
"""
BROKEN = {
    "raises": ("raise RuntimeError('no luck\\nat all')", "its import fails: RuntimeError: no luck"),
    "exits": ("import sys; sys.exit(4)", "its import fails: SystemExit: 4"),
    "syntax": ("def (", "its import fails: SyntaxError"),
    "missing": ("import surely_not_there_test", "its import fails: ModuleNotFoundError"),
    "without": ("Q = 1", "its import fails: AttributeError"),
    "number": ("P = 7", "something that is no Provider class"),
    "function": ("def P(): pass", "something that is no Provider class"),
    "stranger": ("class P:\n    name = 'stranger'", "something that is no Provider class"),
    "renamed": (GOOD.format(cls="P", name="other"), "its class is named `other`, its entry point `renamed`"),
    "cancelled": ("import asyncio\nraise asyncio.CancelledError", "its import fails: CancelledError"),
    "meta": (META, "its import fails: ZeroDivisionError"),
    "nameless": (GOOD.format(cls="P", name="x").replace('name = "x"', "pass"), "its class is named `None`"),
    "unset": (
        "from gaud_core import Provider\nclass P(Provider):\n    name = 'unset'",
        "it names no settings class: write `class ...(Provider[MySettings])`",
    ),
    "instance": (GOOD.format(cls="Q", name="instance") + "P = Q.__new__(Q)", "no Provider class"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_keeps_its_reason(install: Install, name: str) -> None:
    """Each way to be broken has one line that says so; the good one beside it is found all the same."""
    code, reason = BROKEN[name]
    install(name, code)
    install("good", GOOD.format(cls="P", name="good"))
    found = _found(name, "good")
    assert reason in found[name].reason
    assert "\n" not in found[name].reason
    assert (found[name].provider, found[name].stage) == (None, "broken")
    assert found["good"].reason == ""


PATTERNS = ["None", "7", "(7,)", "('gpt-*')"]


@pytest.mark.parametrize("patterns", PATTERNS)
def test_odd_patterns_are_refused(install: Install, patterns: str) -> None:
    """A forgotten comma in `patterns = ("gpt-*")` would claim every model, and None would break routing."""
    install("odd", GOOD.format(cls="P", name="odd") + f"    patterns = {patterns}\n")
    assert "patterns" in _found("odd")["odd"].reason


@pytest.mark.parametrize("endpoints", ["None", "'chat/completions'", "(7,)"])
def test_odd_endpoints_are_refused(install: Install, endpoints: str) -> None:
    """The same for what it serves."""
    install("odd", GOOD.format(cls="P", name="odd") + f"    endpoints = {endpoints}\n")
    assert "endpoints" in _found("odd")["odd"].reason


def test_exception_without_words(install: Install) -> None:
    """An exception that cannot even say what it is hurts nobody else."""
    install("mute", "class E(Exception):\n    def __str__(self): return 1/0\nraise E()")
    assert "E" in _found("mute")["mute"].reason


def test_two_of_one_name(install: Install) -> None:
    """The first keeps the name; the second is named as its twin, and which distribution has it."""
    install("twin", GOOD.format(cls="P", name="twin"), distribution="a-first")
    install("twin", GOOD.format(cls="P", name="twin"), distribution="b-second")
    plugins = discover({"GAUD_PLUGINS": "twin"})
    usable = [plugin for plugin in plugins if plugin.provider]
    twins = [plugin for plugin in plugins if plugin.reason]
    assert (len(usable), len(twins)) == (1, 1)
    assert (
        twins[0].reason == f"the distribution `{usable[0].distribution}` has a provider of this name already"
    )


def test_gaud_plugins_names_those_that_are_imported(install: Install) -> None:
    """Others are not even imported, which finds the culprit by halves."""
    install("good", GOOD.format(cls="P", name="good"))
    install("deadly", "raise BaseException('imported')")
    assert list(_found(" good ", "")) == ["good"]


@pytest.mark.parametrize(
    ("group", "cure"), [("v2", "Upgrade gaud-core."), ("v0", "Look for a newer version of it.")]
)
def test_other_contracts_are_not_ours(install: Install, group: str, cure: str) -> None:
    """A plugin of another contract is named with the cure, and not even imported."""
    install("future", "raise BaseException('imported')", group=f"gaud.providers.{group}")
    (plugin,) = _found("future").values()
    assert (plugin.stage, plugin.distribution, plugin.provider) == ("broken", "gaud-future", None)
    assert plugin.reason.startswith(
        f"it is made for another contract, `gaud.providers.{group}`; this Gaud knows"
    )
    assert plugin.reason.endswith(cure)


def test_both_contracts(install: Install, tmp_path: Path) -> None:
    """A distribution that serves this contract and the next is taken by this one."""
    install("both", GOOD.format(cls="P", name="both"))
    points = tmp_path / "gaud-both-1.5.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "[gaud.providers.v2]\nboth = plugin_both_test:NextP\n")
    (plugin,) = discover({"GAUD_PLUGINS": "both"})
    assert plugin.stage == "installed"


@pytest.mark.parametrize("group", ["gaud.other", "console_scripts", "gaud.providers"])
def test_other_groups(install: Install, group: str) -> None:
    """What is no provider is not looked at."""
    install("other", "raise BaseException('imported')", group=group)
    assert "distribution" not in _found("other")["other"].reason.replace("no installed distribution", "")
    assert _found("other")["other"].stage == "not installed"


@pytest.mark.parametrize("level", ["'2.0'", "'0.9'", "'1'", "1.0", "None", "'1.x'"])
def test_levels_that_are_not_known(install: Install, level: str) -> None:
    """A level of another major number, or none at all, is refused with what is known."""
    install("odd", GOOD.format(cls="P", name="odd") + f"    contract = {level}\n")
    assert _found("odd")["odd"].reason.endswith("of the contract; this Gaud knows 1.x only")


def test_later_level_of_this_contract(install: Install) -> None:
    """A later level of the same contract is taken: what it adds is optional."""
    install("good", GOOD.format(cls="P", name="good") + '    contract = "1.7"\n')
    assert _found("good")["good"].reason == ""


@pytest.mark.parametrize("points", [b"no group\nnor pair", b"\xff\xfe", b"[gaud.providers.v1]\nnonsense\n"])
def test_damaged_installation_of_somebody_else(install: Install, tmp_path: Path, points: bytes) -> None:
    """One damaged distribution, whoever's, keeps no provider from being found."""
    install("good", GOOD.format(cls="P", name="good"))
    install("damaged", "")
    (tmp_path / "gaud-damaged-1.5.dist-info" / "entry_points.txt").write_bytes(points)
    assert _found("good")["good"].reason == ""


def test_damaged_installation_is_named(install: Install, tmp_path: Path) -> None:
    """When a provider may be in it, it is listed by the name of its distribution."""
    install("damaged", "")
    points = tmp_path / "gaud-damaged-1.5.dist-info" / "entry_points.txt"
    points.write_text("[gaud.providers.v1]\nnonsense\n")
    plugin = next(plugin for plugin in discover({}) if plugin.distribution == "gaud-damaged")
    assert (plugin.name, plugin.stage) == ("gaud-damaged", "broken")
    assert plugin.reason.startswith("the metadata of its distribution cannot be read: ")


def test_twin_within_one_distribution(install: Install, tmp_path: Path) -> None:
    """Two entry points of one name in one distribution are two plugins as well."""
    install("twin", GOOD.format(cls="P", name="twin"))
    points = tmp_path / "gaud-twin-1.5.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "twin = plugin_twin_test:Q\n")
    assert [bool(plugin.reason) for plugin in discover({"GAUD_PLUGINS": "twin"})] == [False, True]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_distribution_of_that_name_comes_first(
    install: Install, monkeypatch: pytest.MonkeyPatch, *, backwards: bool
) -> None:
    """Who is called after the provider keeps the name, in whatever order the file system lists them."""
    install("twin", "raise BaseException('imported')", distribution="a-first")
    install("twin", GOOD.format(cls="P", name="twin"), distribution="gaud-provider-twin")
    found = sorted(metadata.distributions(), key=lambda dist: str(dist.name), reverse=backwards)

    def distributions(name: str = "") -> Iterator[metadata.Distribution]:
        return (dist for dist in found if not name or dist.name == name)

    monkeypatch.setattr("gaud_core.gateway.guests.plugins.metadata.distributions", distributions)
    usable, twin = discover({"GAUD_PLUGINS": "twin"})
    assert (usable.distribution, twin.distribution) == ("gaud-provider-twin", "a-first")
    assert twin.reason == "the distribution `gaud-provider-twin` has a provider of this name already"


def test_an_older_copy_is_no_provider(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a distribution that is on the path twice the first copy counts, also where it has no provider."""
    for folder, points in (("new", ""), ("old", "[gaud.providers.v1]\nold = plugin_old_test:P\n")):
        info = tmp_path / folder / "gaud_twice-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gaud-twice\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    assert _found("old")["old"].distribution == "gaud-twice"
    monkeypatch.syspath_prepend(str(tmp_path / "new"))
    assert _found("old")["old"].stage == "not installed"


def test_only_providers_have_their_metadata_parsed(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of all installed distributions took a tenth of the start; their entry points say who is one."""
    install("good", GOOD.format(cls="P", name="good"))
    install("other", "", group="console_scripts")
    parsed: list[str] = []
    whole: Any = vars(metadata.Distribution)["metadata"]

    def counted(dist: metadata.Distribution) -> Any:
        found = whole.fget(dist)
        parsed.append(found["Name"])
        return found

    monkeypatch.setattr(metadata.Distribution, "metadata", property(counted))
    assert _found("good")["good"].stage == "installed"
    assert "gaud-good" in parsed
    assert "gaud-other" not in parsed


def test_plugin_of_another_contract_keeps_no_name(install: Install) -> None:
    """It cannot be used, so it does not stand in the way of one that can."""
    install("twin", "", distribution="a-first", group="gaud.providers.v2")
    install("twin", GOOD.format(cls="P", name="twin"), distribution="b-second")
    assert [plugin.stage for plugin in discover({"GAUD_PLUGINS": "twin"})] == ["broken", "installed"]


def test_gaud_plugins_names_what_is_not_installed(install: Install) -> None:
    """It is told, with the name that was probably meant."""
    install("good", GOOD.format(cls="P", name="good"))
    plugin = _found("goood")["goood"]
    assert (plugin.stage, plugin.distribution) == ("not installed", "")
    assert plugin.reason == (
        "GAUD_PLUGINS names it, but no installed distribution has a provider of this name. "
        "Did you mean `good`?"
    )


def test_left_out(install: Install) -> None:
    """Those that are installed and not named; none when nothing is named."""
    install("good", GOOD.format(cls="P", name="good"))
    install("other", GOOD.format(cls="P", name="other"))
    assert left_out({"GAUD_PLUGINS": "good"}) >= {"other"}
    assert "good" not in left_out({"GAUD_PLUGINS": "good"})
    assert left_out({}) == set()


def test_strict_raises(install: Install) -> None:
    """With GAUD_STRICT=1 a broken plugin is an error that says which, where and why."""
    install("raises", "raise RuntimeError('no luck')")
    with pytest.raises(PluginError, match=r"provider `raises` failed at import: its import fails: .*no luck"):
        discover({"GAUD_PLUGINS": "raises", "GAUD_STRICT": "1"})
    assert discover({"GAUD_PLUGINS": "raises", "GAUD_STRICT": "0"})[0].reason


@pytest.mark.parametrize("value", ["not a reference", "a.b:c:d", ":", "", "surely_not_there_test:X"])
def test_odd_entry_points(value: str) -> None:
    """An entry point that points nowhere is a broken plugin."""
    try:
        point = EntryPoint("odd", value, GROUP)
    except ValueError:
        pytest.skip("this Python refuses the entry point itself")
    assert load_plugin(point, "gaud-odd", "1").reason


def test_slow_import_is_told(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of half a second and more is worth a warning."""
    install("good", GOOD.format(cls="P", name="good"))
    times = iter([0.0, 0.7])
    monkeypatch.setattr("gaud_core.gateway.guests.plugins.time.perf_counter", lambda: next(times))
    assert _found("good")["good"].warning == "its import takes 0.7 s"


def test_install_hint_knows_real_extras_only() -> None:
    """No command is made of a name that the `gaud` distribution does not offer."""
    assert install_hint("surely-no-such-provider-test") == ""
    assert install_hint("all") == ""
