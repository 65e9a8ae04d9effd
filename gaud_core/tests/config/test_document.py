"""Edits of the file's text: the values are right, and everything that is not a changed value stays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core.config.document import edited, toml_value
from gaud_core.errors import ConfigError
from gaud_core.settings import Secret

FILE = """\
# Who may look at this?

[server]
port = 8400   # the usual one
# host = "0.0.0.0"

# LiteLLM
[providers.litellm]
url = 'http://a'  # single quotes
models = [
    "one",  # the first
    "two",
]

# Logging
[logging]
level = "info"
"""


def test_a_value_keeps_what_stands_around_it() -> None:
    """Only the value changes."""
    assert edited(FILE, {("server", "port"): 9000}) == FILE.replace("8400", "9000")


def test_a_new_setting_stands_in_its_section() -> None:
    """Behind the last one, before the comments that belong to what follows."""
    made = edited(FILE, {("providers", "litellm", "api_key"): "k"})
    assert '    "two",\n]\napi_key = "k"\n\n# Logging' in made


def test_a_new_instance_stands_beside_the_others() -> None:
    """With an empty line before and behind it, and the next section's comment above that section."""
    made = edited(
        FILE, {("providers", "work", "provider"): "litellm", ("providers", "work", "url"): "http://w"}
    )
    assert '\n\n[providers.work]\nprovider = "litellm"\nurl = "http://w"\n\n# Logging\n[logging]' in made


def test_a_removed_section_leaves_its_neighbours_comments() -> None:
    """What stands between it and the next one belongs to the next one."""
    made = edited(FILE, {("providers", "litellm"): None})
    assert "http://a" not in made
    assert '# host = "0.0.0.0"\n' in made
    assert "# Logging\n[logging]" in made


def test_the_last_provider_leaves_no_empty_section() -> None:
    """Removing it, and making it anew, both give a file that can be read."""
    gone = edited(FILE, {("providers", "litellm"): None})
    back = edited(gone, {("providers", "litellm", "url"): "http://b"})
    assert tomllib.loads(back)["providers"] == {"litellm": {"url": "http://b"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        '[providers]\nlitellm = {url = "a"}\n',
        'providers = {litellm = {url = "a"}}\n',
        '[providers.litellm]\nurl = "a"\n[server]\nport = 1\n[providers.b]\nurl = "b"\n# end\n',
        '[providers.b]\r\nurl = "b"\r\n\r\n[server]\r\nport = 1\r\n',
        '[providers]\n[providers."litellm"]\n"url" = "a"',
        'note = """\n[providers.litellm]\nurl = "in a text"\n"""\n',
    ],
)
def test_every_way_of_writing_a_file(text: str) -> None:
    """A setting is added, changed and removed in each of them."""
    before = tomllib.loads(text)
    for value in ("x", "y", None):
        text = edited(text, {("providers", "litellm", "url"): value, ("server", "port"): 8400})
        litellm = tomllib.loads(text).get("providers", {}).get("litellm", {})
        assert litellm.get("url") == value
    after = tomllib.loads(text)
    assert after["server"]["port"] == 8400
    assert after.get("note") == before.get("note")


def test_what_would_become_something_else_is_refused() -> None:
    """Without its only setting this section would be gone, which nobody has asked for."""
    text = 'providers.litellm.url = "a"\n'
    assert edited(text, {("providers", "litellm", "url"): "b"}) == 'providers.litellm.url = "b"\n'
    assert edited(text, {("providers", "litellm"): None}) == ""
    with pytest.raises(ConfigError, match="cannot change"):
        edited(text, {("providers", "litellm", "url"): None})


def test_values_as_toml_has_them() -> None:
    """Secrets in clear, whole numbers without a point, lists as lists."""
    values = [Secret("s"), Path("/a"), 120.0, 1.5, ("a", Path("b")), True, 7]
    assert [toml_value(value) for value in values] == ["s", "/a", 120, 1.5, ["a", "b"], True, 7]


NAMES = st.sampled_from(["url", "api_key", "port", "level", "models"])
SECTIONS = st.sampled_from(
    [
        ("server",),
        ("logging",),
        ("auth",),
        ("auth", "tls_client_cert"),
        ("providers", "a"),
        ("providers", "b"),
    ]
)
VALUES: Any = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False).map(toml_value),
    st.lists(st.text(max_size=5), max_size=3),
)
LINES = st.sampled_from(["", "# a comment", "  # one with a blank before it", "\t"])


@st.composite
def files(draw: Any) -> str:
    """A file with comments everywhere, each of them another one."""
    lines, number = [], 0
    for section in draw(st.lists(SECTIONS, unique=True, max_size=5)):
        names = draw(st.lists(NAMES, unique=True, max_size=3))
        for line in [f"[{'.'.join(section)}]", *(f"{name} = {draw(st.integers(0, 99))}" for name in names)]:
            for extra in draw(st.lists(LINES, max_size=2)):
                number += 1
                lines.append(f"{extra} {number}" if "#" in extra else extra)
            number += 1
            lines.append(f"{line}  # {number}")
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(files(), st.dictionaries(st.tuples(SECTIONS, NAMES), VALUES, min_size=1, max_size=4))
def test_any_edit_of_any_file(text: str, changes: dict[tuple[tuple[str, ...], str], Any]) -> None:
    """The settings are as wanted, every comment is still there, and the second edit changes nothing."""
    edits = {(*section, name): value for (section, name), value in changes.items()}
    made = edited(text, edits)
    wanted = tomllib.loads(text)
    for (*sections, name), value in edits.items():
        table = wanted
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    assert tomllib.loads(made) == wanted
    assert _comments(text) <= _comments(made)
    assert edited(made, edits) == made


@settings(max_examples=40, deadline=None)
@given(files(), SECTIONS, NAMES)
def test_any_removal(text: str, section: tuple[str, ...], name: str) -> None:
    """The setting is gone, and of the comments none but its own."""
    made = edited(text, {(*section, name): None})
    lost = _comments(text) - _comments(made)
    assert len(lost) <= 1
    table: Any = tomllib.loads(made)
    for part in section:
        table = table.get(part, {})
    assert name not in table


def _comments(text: str) -> set[str]:
    return {line.rpartition("#")[2].strip() for line in text.splitlines() if "#" in line}
