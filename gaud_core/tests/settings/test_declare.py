"""Declaring a settings class: what it says about itself, and how a wrong declaration is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import pytest

from gaud_core.settings import Mistake, OptionInfo, Secret, describe, http_url, option, options_of, settings


@settings
class Acme:
    """Settings of [providers.acme]."""

    kind: ClassVar[str] = "not an option"

    url: str = option(env="URL", help="Base URL.", check=http_url, creates=True)
    api_key: Secret | None = option(default=None, help="Key.")
    discover: bool = option(default=True, env=None, help="Look for models.")
    models: tuple[str, ...] = option(default=(), help="Models.")
    retries: int = option(default=2, help="Retries.", ge=0, le=9)
    timeout_secs: float = option(
        default=120.0, env="TIMEOUT", help="Limit.", gt=0, unit="seconds", label="Patience"
    )
    mode: Literal["fast", "slow"] = option(default="fast", help="Mode.", live=False)
    folder: Path | None = option(default=None, help="Folder.")
    spare_keys: tuple[Secret, ...] = option(default=(), help="More keys.")


def info(name: str) -> OptionInfo:
    """What Acme says about one option."""
    return next(o for o in describe(Acme) if o.name == name)


def test_describe_keeps_the_order_of_the_class() -> None:
    """Docs and pages show options as the author wrote them."""
    names = [o.name for o in describe(Acme)]
    assert names == [a.name for a in attrs.fields(Acme)]  # type: ignore[arg-type]
    assert names[0] == "url"


@pytest.mark.parametrize(
    ("name", "type_name"),
    [
        ("url", "text"),
        ("api_key", "secret"),
        ("discover", "yes/no"),
        ("models", "list of text"),
        ("retries", "whole number"),
        ("timeout_secs", "number"),
        ("mode", "text"),
        ("folder", "path"),
        ("spare_keys", "list of secret"),
    ],
)
def test_types_have_names_for_people(name: str, type_name: str) -> None:
    """Nobody has to read Python to fill in a form."""
    assert info(name).type == type_name


def test_a_required_option_has_no_default() -> None:
    """Required is said once and the default is empty."""
    assert info("url").required
    assert info("url").default is None
    assert repr(options_of(Acme)["url"].default) == "REQUIRED"
    assert not info("retries").required
    assert info("retries").default == 2


def test_the_variable_suffix_is_given_derived_or_off() -> None:
    """`env` has three forms."""
    assert info("timeout_secs").env == "TIMEOUT"
    assert info("api_key").env == "API_KEY"
    assert info("discover").env is None


def test_labels_are_given_or_follow_from_the_name() -> None:
    """A page has words even if the author wrote none."""
    assert info("timeout_secs").label == "Patience"
    assert info("api_key").label == "API key"
    assert info("url").label == "URL"
    assert info("spare_keys").label == "Spare keys"


def test_everything_else_is_passed_on() -> None:
    """Bounds, choices, unit and flags reach the page."""
    assert (info("retries").ge, info("retries").le) == (0, 9)
    assert info("retries").bounds == "at least 0 and at most 9"
    assert info("timeout_secs").bounds == "above 0"
    assert info("timeout_secs").unit == "seconds"
    assert info("mode").choices == ("fast", "slow")
    assert not info("mode").live
    assert info("url").live
    assert info("url").creates
    assert info("spare_keys").secret
    assert info("api_key").optional


def test_an_object_made_by_hand_is_checked_like_one_from_a_file() -> None:
    """Tests of plugins can trust a settings object; wrong values never become one."""
    assert Acme(url="http://acme/").url == "http://acme"
    with pytest.raises(ValueError, match="`retries` must be at least 0 and at most 9, not 10"):
        Acme(url="http://acme", retries=10)
    with pytest.raises(ValueError, match="`url` must start with"):
        Acme(url="acme")


def test_a_plain_text_given_for_a_secret_is_wrapped() -> None:
    """A repr cannot leak what a careless caller passed in."""
    made = Acme(url="http://acme", api_key="sk-1")  # type: ignore[arg-type]
    assert made.api_key == Secret("sk-1")
    assert "sk-1" not in repr(made)


def test_settings_are_frozen() -> None:
    """A change is a new object, so it can be planned and rolled back."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Acme(url="http://acme").url = "http://other"  # type: ignore[misc]


def test_a_settings_class_can_be_extended() -> None:
    """A family of providers shares its options."""

    @settings
    class More(Acme):
        region: str = option(default="eu", help="Region.")

    assert [o.name for o in describe(More)][-1] == "region"
    assert More(url="http://x/", region="us").url == "http://x"


def test_a_method_and_a_property_are_allowed() -> None:
    """A settings class may compute."""

    @settings
    class Computing:
        url: str = option(help="URL.")

        @property
        def chat(self) -> str:
            return f"{self.url}/chat"

    assert Computing(url="u").chat == "u/chat"


def _declare(annotation: Any, name: str = "value", *more: Any, **kwargs: Any) -> None:
    kwargs.setdefault("help", "Help.")
    body = {"__annotations__": {name: annotation}, name: option(*more, **kwargs)}
    settings(type("Bad", (), body))


@pytest.mark.parametrize(
    ("annotation", "kwargs", "words"),
    [
        (dict, {}, "has the type .*dict.*, which no option can have; use str, Secret"),
        (list[str], {}, "has the type .*, which no option can have"),
        (str | int, {}, "has the type .*, which no option can have"),
        (str | int | None, {}, "has the type .*, which no option can have"),
        (tuple[str, str], {}, "has the type .*, which no option can have"),
        (tuple[tuple[str, ...], ...], {}, "has the type .*, which no option can have"),
        (Literal[1, 2], {}, "has the type .*, which no option can have"),
        (Any, {}, "has the type .*, which no option can have"),
        (str, {"help": " "}, "needs a help text"),
        (str, {"env": "api-key"}, "has the variable suffix 'api-key'"),
        (str, {"env": None, "creates": True}, "has creates=True but no variable"),
        (str, {"gt": 0}, "has bounds, but is no number"),
        (int, {"choices": ["a"]}, "has choices, but is no text"),
        (tuple[str, ...], {"default": []}, "has a default that can be changed; use a tuple"),
        (str, {"default": None}, "has the default None; add `| None` to its type"),
        (int, {"default": -1, "ge": 0}, "must be at least 0, not -1"),
        (bool, {"default": "yes"}, "must be true or false"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(annotation: Any, kwargs: dict[str, Any], words: str) -> None:
    """The author of a plugin learns at import which attribute is wrong and why."""
    with pytest.raises(TypeError, match=rf"^Bad\.value {words}"):
        _declare(annotation, **kwargs)


@pytest.mark.parametrize("name", ["provider", "_hidden", "Url", "ümlaut"])
def test_names_that_a_file_cannot_use_are_refused(name: str) -> None:
    """`provider` names the plugin in a section, so no option can have that name."""
    with pytest.raises(TypeError, match="needs another name"):
        _declare(str, name)


def test_an_attribute_without_option_is_refused() -> None:
    """A plain attribute would be a setting without help and variable."""
    with pytest.raises(TypeError, match=r"Plain\.count must be declared with option\(\)"):

        @settings
        class Plain:
            count: int = 3


def test_an_option_without_type_is_refused() -> None:
    """The type is what a value is checked against."""
    with pytest.raises(TypeError, match="write a type for every option"):

        @settings
        class Untyped:
            count = option(default=3, help="Count.")


def test_a_type_that_cannot_be_found_is_explained() -> None:
    """Linters like to move imports under TYPE_CHECKING, where they are gone at run time."""
    with pytest.raises(TypeError, match="not under TYPE_CHECKING"):
        _declare("Nowhere")


def test_two_options_cannot_share_a_variable() -> None:
    """One variable sets one option."""
    with pytest.raises(TypeError, match="`one` and `two` share the variable suffix URL"):

        @settings
        class Twins:
            one: str = option(default="", env="URL", help="One.")
            two: str = option(default="", env="URL", help="Two.")


@pytest.mark.parametrize("cls", [str, Mistake, type("Empty", (), {})])
def test_any_other_class_is_no_settings_class(cls: type) -> None:
    """Forgetting `@settings` is told as such."""
    with pytest.raises(TypeError, match="put `@settings` above it"):
        options_of(cls)
