"""Finding and reading llm-proxy.toml: the order of places, and a sentence for whatever is wrong with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.config import find_file, load_config, read_file
from gaud_core.errors import ConfigError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty config folder of the platform."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: tmp_path / "user")
    return here


def complaint(path: Path | str, **environ: str) -> str:
    """The only mistake of a configuration file."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ, {})
    (only,) = caught.value.problems
    return str(only)


def written(folder: Path, content: bytes | str) -> Path:
    """A file with this content."""
    path = folder / "llm-proxy.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_places_are_searched_in_order(tmp_path: Path, nowhere: Path) -> None:
    """--config, GAUD_CONFIG, the working directory, the platform's folder, none."""
    assert find_file(None, {}) == (None, "")
    (tmp_path / "user").mkdir()
    user = written(tmp_path / "user", "")
    assert find_file(None, {}) == (user, "")
    here = written(nowhere, "")
    assert find_file(None, {}) == (here, "")
    assert find_file(None, {"GAUD_CONFIG": "/from/env"}) == (Path("/from/env"), "GAUD_CONFIG")
    assert find_file("/from/flag", {"GAUD_CONFIG": "/from/env"}) == (Path("/from/flag"), "--config")


def test_an_empty_variable_names_no_file() -> None:
    """A compose file may pass GAUD_CONFIG through without a value."""
    assert find_file(None, {"GAUD_CONFIG": " "}) == (None, "")


def test_a_home_is_expanded_and_a_path_made_absolute(nowhere: Path) -> None:
    """The path in messages can be pasted anywhere."""
    assert find_file("~/gaud.toml", {}) == (Path.home() / "gaud.toml", "--config")
    assert find_file("gaud.toml", {}) == (nowhere / "gaud.toml", "--config")
    assert find_file("~nobody-here/gaud.toml", {})[0] == Path("~nobody-here/gaud.toml")


def test_no_file_at_all_is_an_empty_configuration() -> None:
    """The gateway starts without any file."""
    config = load_config(None, {}, {})
    assert config.path is None
    assert config.server.port == 8400
    assert not config.instances


@pytest.mark.parametrize(("path", "by"), [("gone.toml", "--config"), (None, "GAUD_CONFIG")])
def test_a_named_file_that_is_missing_is_a_mistake(path: str | None, by: str) -> None:
    """Who named it is told, so that the right thing gets corrected."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"GAUD_CONFIG": "gone.toml"}, {})
    assert caught.value.source.endswith("gone.toml")
    assert str(caught.value.problems[0]) == (
        f"The file does not exist, but {by} names it. Correct the path, or create the file."
    )


def test_a_path_through_a_file_does_not_exist(nowhere: Path) -> None:
    """`llm-proxy.toml/x` is a missing file too."""
    assert complaint(written(nowhere, "") / "x").startswith("The file does not exist")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A mount of a missing file makes a folder in Docker."""
    assert (
        complaint(tmp_path) == "This is a folder, not a file. Name the file in it, such as `llm-proxy.toml`."
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_says_so(nowhere: Path) -> None:
    """The cure is a permission."""
    path = written(nowhere, "")
    path.chmod(0)
    assert complaint(path) == "The file may not be read. Make it readable for the user that runs Gaud."


def test_a_refused_permission_says_so(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, for root as well."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(nowhere, "")
    monkeypatch.setattr(Path, "open", refuse)
    assert complaint(path) == "The file may not be read. Make it readable for the user that runs Gaud."


def test_a_broken_link_in_the_usual_place_is_not_overlooked(nowhere: Path) -> None:
    """Starting with an empty configuration instead would be a nasty surprise."""
    (nowhere / "llm-proxy.toml").symlink_to("gone")
    with pytest.raises(ConfigError, match="The file does not exist"):
        load_config(None, {}, {})


def test_a_path_that_cannot_be_one_says_so() -> None:
    """A zero byte is the system's own refusal."""
    assert complaint("a\0b") == "The file cannot be read: embedded null byte."


def test_a_vanished_working_directory_hurts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever deleted it gets a sentence, not a traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    assert load_config(None, {}, {}).path is None
    assert complaint("x.toml").startswith("The file does not exist")


def test_a_file_that_is_not_utf8_names_the_line(nowhere: Path) -> None:
    """An editor's old encoding shows itself at the first umlaut."""
    path = written(nowhere, b"[server]\nhost = '\xfc'\n")
    assert complaint(path) == "The file is not UTF-8 text: see line 2. Save it as UTF-8."


def test_windows_habits_are_fine(nowhere: Path) -> None:
    """A byte order mark and CRLF are no mistakes."""
    path = written(nowhere, b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
    assert load_config(path, {}, {}).server.port == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "[server]\nhost = localhost",
            (
                "Line 2, column 8: this is not TOML. Invalid value. "
                "Text needs quotes; true and false are written small."
            ),
        ),
        (
            "[server]\nport 80",
            (
                "Line 2, column 6: this is not TOML. Expected '=' after a key in a key/value pair. "
                "Write `name = value`."
            ),
        ),
        (
            "[providers.a]\n[providers.a]",
            (
                "Line 2, column 13: this is not TOML. Cannot declare [providers.a] twice. "
                "The same section is there twice; make one of them."
            ),
        ),
        (
            "a = 1\na = 2\n",
            (
                "Line 2, column 6: this is not TOML. Cannot overwrite a value. "
                "The same name is there twice; keep one of them."
            ),
        ),
        (
            "a = 'b\nc = 1",
            """The end of the file: this is not TOML. Expected "'". A quote is not closed.""",
        ),
        (
            "a = [1",
            "The end of the file: this is not TOML. Unclosed array. A bracket is not closed.",
        ),
    ],
)
def test_broken_toml_is_told_with_line_and_column(nowhere: Path, content: str, message: str) -> None:
    """In words, with a cure for the usual slips."""
    assert complaint(written(nowhere, content)) == message


def test_a_broken_line_is_not_repeated(nowhere: Path) -> None:
    """It may hold a key."""
    assert "hunter2" not in complaint(written(nowhere, "api_key = hunter2hunter2"))


def test_absurd_nesting_has_its_sentence(nowhere: Path) -> None:
    """The reader's stack is not the user's problem."""
    message = complaint(written(nowhere, "a = " + "[" * 100_000))
    assert message == "The file nests lists or tables too deeply."


def test_an_absurd_number_has_its_sentence(nowhere: Path) -> None:
    """Python refuses to read numbers of more than 4,300 digits."""
    assert complaint(written(nowhere, "a = " + "1" * 5000)) == "The file holds a number that is too long."


def test_the_mode_of_the_file_is_known(nowhere: Path) -> None:
    """Writing it back has to keep it."""
    path = written(nowhere, "")
    path.chmod(0o640)
    assert read_file(path).mode == 0o640


@given(st.binary() | st.text().map(str.encode) | st.from_regex(rb"\[?\[?[a-z.]+\]? ?=? ?.{0,20}\n?"))
def test_any_content_is_read_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """No file makes another exception."""
    path = tmp_path_factory.mktemp("any") / "llm-proxy.toml"
    path.write_bytes(content)
    try:
        load_config(path, {}, {})
    except ConfigError as wrong:
        text = str(wrong)
        assert text.encode()
