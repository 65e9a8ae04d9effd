"""Reading settings: environment over file over default, every mistake at once, no secret in a message."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.errors import ConfigError, Problem
from gaud_core.settings import (
    Loaded,
    Mistake,
    Secret,
    Source,
    coerce_text,
    http_url,
    load,
    option,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def no_spaces(secret: Secret) -> Secret:
    """A check that is careless with its message."""
    if " " in secret.reveal():
        raise ValueError(f"{secret.reveal()} has a space")
    return secret


def broken(value: str) -> str:
    """A check with a bug."""
    raise KeyError(value)


@settings
class Acme:
    """Settings of [providers.acme]."""

    url: str = option(env="URL", help="Base URL.", check=http_url, creates=True)
    api_key: Secret | None = option(default=None, env="API_KEY", help="Key.", check=no_spaces)
    discover_models: bool = option(default=True, env="DISCOVER", help="Look for models.")
    models: tuple[str, ...] = option(default=(), help="Models.")
    ports: tuple[int, ...] = option(default=(), help="Ports.")
    retries: int = option(default=2, help="Retries.", ge=0, le=9)
    timeout_secs: float = option(default=120.0, env="TIMEOUT", help="Limit.", gt=0, unit="seconds")
    mode: Literal["fast", "slow"] = option(default="fast", help="Mode.")
    modes: tuple[Literal["fast", "slow"], ...] = option(default=(), help="Modes.")
    folder: Path | None = option(default=None, help="Folder.")
    internal: str = option(default="", env=None, help="Only in the file.")
    odd: str | None = option(default=None, help="Has a broken check.", check=broken)


URL = {"url": "http://acme"}


def read(table: Mapping[str, Any], **environ: str) -> Loaded[Acme]:
    """Load Acme as the instance `acme`; keywords are variables without their prefix."""
    variables = {f"GAUD_ACME_{name}": value for name, value in environ.items()}
    return load(Acme, path="providers.acme", table=table, environ=variables, env_prefix="GAUD_ACME_")


def problems(table: Mapping[str, Any], **environ: str) -> tuple[Problem, ...]:
    """The mistakes that loading finds."""
    with pytest.raises(ConfigError) as caught:
        read(table, **environ)
    return caught.value.problems


def problem(table: Mapping[str, Any], **environ: str) -> str:
    """The only mistake that loading finds, as a person reads it."""
    (only,) = problems({**URL, **table}, **environ)
    return str(only).removeprefix("providers.acme.")


def test_environment_wins_over_file_and_file_over_default() -> None:
    """The guide's order, with the origin of each value."""
    loaded = read({"url": "http://file", "retries": 3}, URL="http://env/")
    assert loaded.value.url == "http://env"
    assert loaded.value.retries == 3
    assert loaded.value.timeout_secs == 120.0
    assert loaded.sources["url"] == Source("env", "GAUD_ACME_URL")
    assert loaded.sources["retries"] == Source("file")
    assert loaded.sources["timeout_secs"] == Source("default")
    assert [str(loaded.sources[name]) for name in ("url", "retries", "mode")] == [
        "GAUD_ACME_URL",
        "file",
        "default",
    ]
    assert loaded.sources.keys() == {o for o in dir(Acme) if not o.startswith("_")}


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_variable_counts_as_not_set(empty: str) -> None:
    """`GAUD_ACME_URL= gaud serve` and a compose file with `${URL:-}` change nothing."""
    assert read(URL, URL=empty).sources["url"] == Source("file")


def test_an_option_without_variable_cannot_be_set_by_one() -> None:
    """`env=None` means the file alone."""
    assert read(URL, INTERNAL="x").value.internal == ""


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "True", "YES", "oN", " true\n"])
def test_words_for_yes(word: str) -> None:
    """People write yes in many ways."""
    assert read(URL, DISCOVER=word).value.discover_models is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "False", "NO", "oFF"])
def test_words_for_no(word: str) -> None:
    """The trap: cattrs alone turns "0" into True."""
    assert read(URL, DISCOVER=word).value.discover_models is False


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_any_other_word_is_no_bool(word: str) -> None:
    """Nothing is guessed: a text is yes, no, not set, or a mistake."""
    known = {"1", "true", "yes", "on", "0", "false", "no", "off", ""}
    if word.strip().lower() not in known:
        assert "must be true or false" in problem({}, DISCOVER=word)


def test_values_from_the_environment_are_converted() -> None:
    """Numbers, lists, paths and choices are written as text."""
    value = read(
        URL, RETRIES="5", TIMEOUT="1.5e1", MODELS=" a, b ,,c ", PORTS="1,2", MODE="SLOW", FOLDER="/data"
    ).value
    assert (value.retries, value.timeout_secs, value.mode) == (5, 15.0, "slow")
    assert (value.models, value.ports, value.folder) == (("a", "b", "c"), (1, 2), Path("/data"))


def test_values_from_the_file_keep_their_types() -> None:
    """A whole number is good enough for a number, a list becomes a tuple."""
    value = read(URL | {"timeout_secs": 5, "models": ["a"], "api_key": "k", "folder": "~/x"}).value
    assert (value.timeout_secs, type(value.timeout_secs)) == (5.0, float)
    assert value.models == ("a",)
    assert value.api_key == Secret("k")
    assert value.folder == Path.home() / "x"


def test_an_empty_key_is_no_key() -> None:
    """`api_key = ""` in a sample file must not send an empty credential."""
    assert read(URL | {"api_key": ""}).value.api_key is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("discover_models", "true", "must be true or false, not the text `true`. Drop the quotes: true."),
        ("discover_models", "NO", "must be true or false, not the text `NO`. Drop the quotes: false."),
        ("discover_models", 1, "must be true or false, not 1."),
        ("discover_models", "maybe", "must be true or false, not `maybe`."),
        ("retries", "3", "must be a whole number, not the text `3`. Drop the quotes."),
        ("retries", "many", "must be a whole number, not the text `many`."),
        ("retries", 2.5, "must be a whole number, not 2.5."),
        ("retries", True, "must be a whole number, not true."),
        ("retries", 10, "must be at least 0 and at most 9, not 10."),
        ("timeout_secs", True, "must be a number, not true."),
        ("timeout_secs", "9.5", "must be a number, not the text `9.5`. Drop the quotes."),
        ("timeout_secs", 0, "must be above 0, not 0."),
        ("timeout_secs", float("nan"), "must be a finite number, not nan."),
        ("timeout_secs", float("inf"), "must be a finite number, not inf."),
        ("timeout_secs", 10**400, "must be a smaller number."),
        ("timeout_secs", {"a": 1}, "must be a number, not a table."),
        ("url", 4000, "must be text, not a whole number. Put it in quotes."),
        ("url", None, "must be text, not nothing."),
        ("url", dt.date(2026, 1, 1), "must be text, not a date or a time. Put it in quotes."),
        ("models", "a", 'must be a list, not text. Put brackets around it: ["a"].'),
        ("models", 5, "must be a list, not a whole number."),
        ("models", ["a", 2], "is wrong in item 2, which must be text, not a whole number. Put it in quotes."),
        ("mode", "slwo", "must be one of `fast` or `slow`, not `slwo`. Did you mean `slow`?"),
        ("mode", "", "must be one of `fast` or `slow`, not empty."),
        ("modes", ["fast", "slwo"], "must be one of `fast` or `slow`, not `slwo`. Did you mean `slow`?"),
        ("folder", "", "must be a path, not empty text."),
        ("folder", "a\0b", "must be a path without a zero byte in it."),
        (
            "folder",
            "~nobody-here/x",
            "is `~nobody-here/x`, but that home folder is unknown. Write the path in full.",
        ),
        ("ulr", 1, "is not a known setting. Did you mean `url`?"),
        ("timeout-secs", 1, "is not a known setting. Did you mean `timeout_secs`?"),
        ("odd", "x", "could not be checked: its check raised KeyError."),
    ],
)
def test_each_mistake_in_the_file_has_its_sentence(name: str, value: Any, message: str) -> None:
    """What is wrong, what was found, and the cure where there is one."""
    assert problem({name: value}) == f"{name}: {message}"


@pytest.mark.parametrize(
    ("suffix", "name", "value", "message"),
    [
        (
            "DISCOVER",
            "discover_models",
            "maybe",
            "must be true or false (or 1, 0, yes, no, on, off), not `maybe`.",
        ),
        ("RETRIES", "retries", "1.5", "must be a whole number, not `1.5`."),
        ("RETRIES", "retries", "1_0", "must be a whole number, not `1_0`."),
        ("RETRIES", "retries", "٣", "must be a whole number, not `٣`."),
        ("TIMEOUT", "timeout_secs", "-1", "must be above 0, not -1."),
        ("TIMEOUT", "timeout_secs", "nan", "must be a number, not `nan`."),
        ("TIMEOUT", "timeout_secs", "1e999", "must be a finite number, not inf."),
        ("TIMEOUT", "timeout_secs", "2 min", "must be a number, not `2 min`."),
        ("URL", "url", "acme", "must start with `http://` or `https://`. Did you mean `http://acme`?"),
        ("PORTS", "ports", "1,x", "is wrong in item 2, which must be a whole number, not `x`."),
    ],
)
def test_each_mistake_in_a_variable_names_it(suffix: str, name: str, value: str, message: str) -> None:
    """Somebody who set a variable must not search the file."""
    assert problem({}, **{suffix: value}) == f"{name}: the variable GAUD_ACME_{suffix} {message}"


def test_a_number_that_python_will_not_print_is_refused() -> None:
    """TOML's hexadecimal numbers have no limit, but str() of an int has."""
    message = problem({"retries": 10**5000})
    assert message == "retries: must be at least 0 and at most 9, not a very large number."


def test_a_missing_option_names_its_key_and_its_variable() -> None:
    """Both ways out are told."""
    (only,) = problems({})
    assert str(only) == (
        "providers.acme.url: is missing. Set it in the file, or set the variable GAUD_ACME_URL."
    )


def test_an_unknown_key_without_a_likeness_lists_the_known_ones() -> None:
    """Better than leaving people to guess."""
    assert "Known here: `url`, `api_key`" in problem({"zzzzzz": 1})


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody starts the gateway five times to find five mistakes."""
    found = problems({"ulr": 1, "retries": "x", "mode": 3, "models": "a"}, TIMEOUT="soon")
    assert [p.path.removeprefix("providers.acme.") for p in found] == [
        "ulr",
        "url",
        "models",
        "retries",
        "timeout_secs",
        "mode",
    ]


def test_long_and_wild_values_are_shown_short_and_harmless() -> None:
    """A pasted megabyte or a terminal escape does not reach the screen."""
    message = problem({"mode": "\x1b[2J" + "x" * 10_000})
    assert "\x1b" not in message
    assert len(message) < 150


@pytest.mark.parametrize("table", [{"api_key": "hunter two"}, {"api_key": ["hunter two"]}])
def test_a_secret_is_never_quoted(table: dict[str, Any]) -> None:
    """Not even by a check that quotes it itself."""
    assert "hunter" not in problem(table)


def test_a_secret_from_the_environment_is_never_quoted() -> None:
    """The same for variables."""
    message = problem({}, API_KEY="hunter two")
    assert message == "api_key: the variable GAUD_ACME_API_KEY cannot be used: ******** has a space"


def test_a_class_may_refuse_the_whole() -> None:
    """Rules between options belong into __attrs_post_init__, and may not leak either."""

    @settings
    class Pair:
        user: str = option(default="", help="User.")
        key: Secret = option(help="Key.")

        def __attrs_post_init__(self) -> None:
            if not self.user:
                raise ValueError(f"a key such as {self.key.reveal()} needs a user")
            raise RuntimeError(self.key.reveal())

    for user, words in (
        ("", "a key such as ******** needs a user"),
        ("me", "its check raised RuntimeError."),
    ):
        with pytest.raises(ConfigError) as caught:
            load(Pair, path="p", table={"user": user, "key": "hunter2"}, environ={}, env_prefix="GAUD_P_")
        assert str(caught.value.problems[0]) == f"p: cannot be used: {words}"


def test_a_required_secret_may_not_be_empty() -> None:
    """An empty key is as good as none."""

    @settings
    class Locked:
        key: Secret = option(help="Key.")

    with pytest.raises(ConfigError, match=r"p\.key: must not be empty\."):
        load(Locked, path="p", table={"key": ""}, environ={}, env_prefix="GAUD_P_")


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("discover_models", "true", True),
        ("discover_models", False, False),
        ("timeout_secs", "120", 120.0),
        ("timeout_secs", 120, 120.0),
        ("models", "a,b", ("a", "b")),
        ("models", ["a"], ("a",)),
        ("api_key", None, None),
        ("url", "http://acme/", "http://acme"),
    ],
)
def test_the_settings_api_takes_typed_values_and_text(name: str, value: Any, wanted: Any) -> None:
    """The guide sends `"true"` and `"120"`; a page sends true and 120."""
    assert coerce_text(Acme, name, value) == wanted


def test_the_settings_api_gets_the_same_sentences() -> None:
    """One wording for the file, the variable and the API."""
    with pytest.raises(ConfigError, match=r"providers\.acme\.retries: must be a whole number, not `x`\."):
        coerce_text(Acme, "retries", "x", path="providers.acme")
    with pytest.raises(ConfigError, match="ulr: is not a known setting"):
        coerce_text(Acme, "ulr", "x")


def test_a_mistake_without_cure_reads_well() -> None:
    """Plugin authors may leave the cure out."""
    assert str(Mistake("must be red.")) == "must be red."


MARK = "hunter2hunter2"
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.sampled_from(["true", "http://x", "\ud800", "~root", "10" * 300, 10**400, 1e308])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
names = st.sampled_from([n for n in dir(Acme) if not n.startswith("_")]) | st.text()
variables = st.sampled_from(
    ["URL", "API_KEY", "DISCOVER", "MODELS", "PORTS", "RETRIES", "TIMEOUT", "MODE", "FOLDER"]
)


@given(st.dictionaries(names, anything), st.dictionaries(variables, st.text()))
def test_anything_is_a_value_or_a_config_error(table: dict[str, Any], environ: dict[str, str]) -> None:
    """No file and no environment makes another exception, and every message can be printed."""
    found: tuple[Problem, ...] = ()
    try:
        assert isinstance(read(table, **environ).value, Acme)
    except ConfigError as wrong:
        found = wrong.problems
    assert all(str(p).startswith("providers.acme.") and str(p).encode() for p in found)


@given(st.dictionaries(names, anything), st.booleans(), st.text(), st.text())
def test_a_secret_is_in_no_message_and_no_repr(
    table: dict[str, Any], by_env: bool, pre: str, post: str
) -> None:
    """Wherever it comes from and whatever else is wrong."""
    secret = pre + MARK + post
    environ = {"API_KEY": secret} if by_env else {}
    try:
        text = repr(read({**table, "api_key": secret}, **environ))
    except ConfigError as wrong:
        text = str(wrong) + repr(wrong) + repr(wrong.problems)
    assert MARK not in text
