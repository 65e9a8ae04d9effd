"""Discovery: each plugin in its own guard, every reason kept, a switch that raises instead."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gaud_core import PluginError
from gaud_core.gateway.plugins import GROUP, Plugin, discover, install_hint, load_plugin

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


def test_other_groups_are_not_ours(install: Install) -> None:
    """A contract of another version is left alone."""
    install("future", "raise BaseException('imported')", group="gaud.providers.v2")
    assert _found("future") == {}


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
    monkeypatch.setattr("gaud_core.gateway.plugins.time.perf_counter", lambda: next(times))
    assert _found("good")["good"].warning == "its import takes 0.7 s"


def test_install_hint_knows_real_extras_only() -> None:
    """No command is made of a name that the `gaud` distribution does not offer."""
    assert install_hint("surely-no-such-provider-test") == ""
    assert install_hint("all") == ""
