"""A Secret gives its text to whoever asks for it by name, and to nothing else."""

from __future__ import annotations

import copy
import json
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.settings import MASK, Secret

TEXT = "sk-very-private"


@pytest.mark.parametrize("show", [str, repr, format, ascii, "{}".format, "{!r}".format, "%s".__mod__])
def test_every_way_of_showing_it_gives_the_mask(show: object) -> None:
    """Logs and messages see eight stars."""
    assert callable(show)
    assert show(Secret(TEXT)) == MASK


def test_a_width_in_a_format_is_kept() -> None:
    """A table of settings stays in line."""
    assert f"{Secret(TEXT):>10}" == "  ********"


def test_only_reveal_gives_the_text() -> None:
    """The one way out is spelled out."""
    assert Secret(TEXT).reveal() == TEXT


@given(st.text(), st.text())
def test_equal_texts_make_equal_secrets(one: str, other: str) -> None:
    """Comparing works for every text, and a Secret never equals a plain text."""
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


def test_lone_surrogates_from_the_environment_can_be_compared() -> None:
    """A variable that is not UTF-8 becomes surrogates, which must not break the comparison."""
    assert Secret("\udcff") == Secret("\udcff")


def test_an_empty_secret_is_false() -> None:
    """`if settings.api_key` does what it says."""
    assert not Secret("")
    assert Secret("x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    """Another process or a cache never gets it in clear text."""
    with pytest.raises(TypeError, match="clear text"):
        pickle.dumps(Secret(TEXT), protocol)


def test_json_refuses_it() -> None:
    """It is no str, so no answer can hold it by accident."""
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_copies_are_the_same_object() -> None:
    """Copying settings works and makes no second place where the text lies."""
    secret = Secret(TEXT)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_survives_attrs_asdict() -> None:
    """A settings object turned into a dict still hides it."""

    @attrs.frozen
    class Holder:
        key: Secret

    assert TEXT not in repr(attrs.asdict(Holder(Secret(TEXT))))


def test_it_cannot_be_changed() -> None:
    """A frozen settings object stays as it was checked."""
    secret = Secret(TEXT)
    with pytest.raises(AttributeError, match="make a new one"):
        secret.other = 1
    with pytest.raises(AttributeError, match="make a new one"):
        delattr(secret, "_text")
    assert not hasattr(secret, "__dict__")


def test_it_holds_only_text() -> None:
    """A number is refused without being shown."""
    with pytest.raises(TypeError, match="holds text, not int") as caught:
        Secret(4711)  # type: ignore[arg-type]
    assert "4711" not in str(caught.value)
