"""Sections of providers become instances; a bad one hurts only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gaud_core.config import Instance, load_config
from gaud_core.settings import Secret, Source, option, settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_a_section_of_a_provider_becomes_an_instance(config_of: Any, schemas: Mapping[str, Any]) -> None:
    """The usual case."""
    config = config_of("[providers.acme]\nurl = 'http://acme/'\n", GAUD_ACME_TIMEOUT="5")
    assert config.instances["acme"] == Instance(
        name="acme", provider="acme", settings=schemas["acme"](url="http://acme", timeout_secs=5.0)
    )
    assert config.sources["providers.acme.url"] == Source("file")
    assert config.sources["providers.acme.timeout_secs"] == Source("env", "GAUD_ACME_TIMEOUT")
    assert config.problems == ()


def test_any_number_of_instances_share_a_provider(config_of: Any) -> None:
    """`provider` names the plugin and is no setting of it; each instance has its own variables."""
    config = config_of(
        """
        [providers.work-eu]
        provider = "acme"
        url = "http://eu"
        [providers.acme]
        url = "http://main"
        [providers.home]
        provider = "acme"
        """,
        GAUD_HOME_URL="http://home",
        GAUD_WORK_EU_API_KEY="k",
    )
    assert config.problems == ()
    assert [(i.name, i.provider, i.settings.url) for i in config.instances.values()] == [
        ("work-eu", "acme", "http://eu"),
        ("acme", "acme", "http://main"),
        ("home", "acme", "http://home"),
    ]
    assert config.instances["work-eu"].settings.api_key == Secret("k")
    assert config.instances["acme"].settings.api_key is None


def test_the_creating_variable_alone_makes_an_instance(config_of: Any, schemas: Mapping[str, Any]) -> None:
    """The guide: GAUD_X_URL creates the configuration if there is none in the file."""
    config = config_of("", GAUD_ACME_URL="http://acme", GAUD_ACME_API_KEY="k")
    assert config.instances["acme"].settings == schemas["acme"](url="http://acme", api_key=Secret("k"))
    assert config.instances["acme"].source == Source("env", "GAUD_ACME_URL")


def test_a_wrong_creating_variable_makes_an_instance_with_a_problem(config_of: Any) -> None:
    """It is shown where the others are, not swallowed."""
    config = config_of("", GAUD_ACME_URL="acme")
    assert config.instances["acme"].settings is None
    assert str(config.problems[0]).startswith(
        "providers.acme.url: the variable GAUD_ACME_URL must start with"
    )


def test_the_other_variables_create_nothing_but_a_warning(config_of: Any) -> None:
    """Whoever sets only the key learns what is missing."""
    config = config_of("", GAUD_ACME_API_KEY="k", GAUD_PLAIN_REGION="us")
    assert not config.instances
    assert [str(w) for w in config.warnings] == [
        (
            "The variable GAUD_ACME_API_KEY has no effect: there is no instance `acme`. "
            "Set GAUD_ACME_URL too, or write [providers.acme] in the file."
        ),
        (
            "The variable GAUD_PLAIN_REGION has no effect: there is no instance `plain`. "
            "Write [providers.plain] in the file."
        ),
    ]


def test_an_empty_creating_variable_creates_nothing(config_of: Any) -> None:
    """Empty counts as not set."""
    assert not config_of("", GAUD_ACME_URL=" ").instances


def test_the_section_of_the_file_is_not_doubled_by_the_variable(config_of: Any) -> None:
    """The variable overrides the value in it."""
    config = config_of("[providers.acme]\nurl = 'http://file'\n", GAUD_ACME_URL="http://env")
    assert [i.settings.url for i in config.instances.values()] == ["http://env"]
    assert config.instances["acme"].source == Source("file")


def test_a_bad_section_hurts_only_itself(config_of: Any, schemas: Mapping[str, Any]) -> None:
    """The others go on with their settings; the bad one has all its reasons."""
    config = config_of(
        """
        [providers.acme]
        url = "acme"
        ulr = 1
        [providers.plain]
        """
    )
    bad, good = config.instances["acme"], config.instances["plain"]
    assert bad.settings is None
    assert [p.path for p in bad.problems] == ["providers.acme.ulr", "providers.acme.url"]
    assert config.problems == bad.problems
    assert good.settings == schemas["plain"]()
    assert "providers.acme.url" not in config.sources


def test_a_provider_that_is_not_installed_names_what_is(tmp_path: Path, schemas: Mapping[str, Any]) -> None:
    """With the caller's way to install it, and with a likeness if there is one."""
    path = tmp_path / "x.toml"
    path.write_text("[providers.acne]\n[providers.work]\nprovider = 'beta'\n", encoding="utf-8")
    config = load_config(path, {}, schemas, lambda name: f"Run `install {name}`.")
    assert [str(p) for p in config.problems] == [
        (
            "providers.acne: no provider `acne` is installed, only `acme` and `plain`. "
            "Did you mean `acme`? If not: Run `install acne`."
        ),
        (
            "providers.work.provider: no provider `beta` is installed, only `acme` and `plain`. "
            "Run `install beta`."
        ),
    ]
    bare = load_config(path, {}, {}, lambda _: "")
    assert str(bare.problems[0]) == "providers.acne: no provider `acne` is installed, nor is any other."
    near = load_config(path, {}, schemas, lambda _: "")
    assert str(near.problems[0]).endswith("Did you mean `acme`?")


def test_a_wild_name_reaches_no_install_hint(tmp_path: Path) -> None:
    """The hint may become a command that somebody pastes."""
    path = tmp_path / "x.toml"
    path.write_text("[providers.work]\nprovider = '; rm -rf ~'\n", encoding="utf-8")
    config = load_config(path, {}, {}, lambda name: f"Run `pip install {name}`.")
    assert "pip install" not in str(config.problems[0])


def test_a_provider_whose_import_failed_says_why(tmp_path: Path) -> None:
    """It is installed, so another install would not help."""
    path = tmp_path / "x.toml"
    path.write_text("[providers.acme]\n", encoding="utf-8")
    config = load_config(path, {}, {}, failed={"acme": "No module named `wire`."})
    assert str(config.problems[0]) == (
        "providers.acme: cannot be used: provider `acme` does not start: No module named `wire`."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[providers."My Acme"]\nprovider = "acme"',
            (
                'providers."My Acme": has a name that cannot be used. '
                "Use small letters, digits, `-` and `_`, with a letter or a digit first."
            ),
        ),
        (
            "[providers]\nacme = 3",
            (
                "providers.acme: must be a section, not a whole number. "
                "Write [providers.acme], in single brackets, above its settings."
            ),
        ),
        (
            "[[providers.acme]]",
            (
                "providers.acme: must be a section, not a list. "
                "Write [providers.acme], in single brackets, above its settings."
            ),
        ),
        (
            "[providers.work]\nprovider = 3",
            (
                "providers.work.provider: must be the name of a provider, in quotes. "
                'Write for example provider = "acme".'
            ),
        ),
        (
            "[providers.work]\nprovider = ''",
            (
                "providers.work.provider: must be the name of a provider, in quotes. "
                'Write for example provider = "acme".'
            ),
        ),
    ],
)
def test_a_section_that_is_no_instance_says_why(config_of: Any, text: str, message: str) -> None:
    """It is a problem of that instance, not of the gateway."""
    config = config_of(text)
    assert [str(p) for p in config.problems] == [message]
    assert [i.settings for i in config.instances.values()] == [None]


def test_two_instances_cannot_share_a_variable_that_is_set(config_of: Any) -> None:
    """`a-b` and `a_b` have the same prefix; guessing would send a key to the wrong place."""
    text = "[providers.a-b]\nprovider = 'acme'\nurl = 'http://1'\n[providers.a_b]\nprovider = 'acme'\nurl = 'http://2'"
    assert config_of(text).problems == ()
    config = config_of(text, GAUD_A_B_API_KEY="k")
    assert [str(p) for p in config.problems] == [
        (
            "providers.a_b: shares the variable GAUD_A_B_API_KEY with [providers.a-b]. "
            "Give this instance another name, or unset the variable."
        )
    ]
    assert config.instances["a-b"].settings.api_key == Secret("k")
    assert config.instances["a_b"].settings is None


def test_an_instance_cannot_take_a_variable_of_the_core(config_of: Any) -> None:
    """`[providers.data]` with an option `dir` would read GAUD_DATA_DIR."""

    @settings
    class Clash:
        dir: str = option(default="", help="Folder.")

    config = config_of("[providers.data]\nprovider = 'clash'", installed={"clash": Clash}, GAUD_DATA_DIR="/x")
    assert "shares the variable GAUD_DATA_DIR with [data]" in str(config.problems[0])


@pytest.mark.parametrize("broken", [str, None, 3, type("NoSettings", (), {})])
def test_a_broken_settings_class_hurts_only_its_own_instances(
    config_of: Any, broken: Any, schemas: Mapping[str, Any]
) -> None:
    """A plugin that declares nonsense cannot keep the gateway from starting."""
    config = config_of(
        "[providers.bad]\n[providers.acme]\nurl = 'http://x'",
        installed={"bad": broken, "acme": schemas["acme"]},
        mode=0o644,
        GAUD_BAD_URL="http://x",
    )
    assert config.instances["acme"].settings == schemas["acme"](url="http://x")
    assert "the settings class of provider `bad` is broken" in str(config.problems[0])


def test_instances_keep_the_order_of_the_file(config_of: Any) -> None:
    """Patterns of models are tried in configured order."""
    names = ["z", "m", "a"]
    text = "".join(f"[providers.{name}]\nprovider = 'plain'\n" for name in names)
    assert list(config_of(text).instances) == names


def test_a_config_cannot_be_changed(config_of: Any) -> None:
    """A new one is swapped in instead."""
    config = config_of("[providers.plain]")
    with pytest.raises(TypeError):
        config.instances["x"] = config.instances["plain"]
    with pytest.raises(TypeError):
        config.sources["x"] = Source("file")


def test_equal_files_make_equal_instances(config_of: Any) -> None:
    """Equal settings keep their running instance when a change is applied."""
    text = "[providers.acme]\nurl = 'http://x'\napi_key = 'k'"
    assert config_of(text) == config_of(text)
    other = config_of(text.replace("'k'", "'other'"))
    assert config_of(text).instances["acme"] != other.instances["acme"]
