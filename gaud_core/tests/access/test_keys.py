"""Who may call: one key, kept as a digest, presented in any of the usual headers."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

import pytest

from gaud_core.access import Keys, open_keys
from gaud_core.config import Auth, Config, Data
from gaud_core.errors import ConfigError, InvalidKey
from gaud_core.settings import Secret

KEY = "sk-prx-test-0123456789"
FILE = "bootstrap-key.sha256"
Pairs = list[tuple[bytes, bytes]]


@pytest.fixture
def keys() -> Keys:
    """The keys of a gateway with one key."""
    return open_keys(Config(auth=Auth(bootstrap_key=Secret(KEY))))[0]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer " + KEY.encode())],
        [(b"authorization", b"bearer " + KEY.encode())],
        [(b"authorization", b"BEARER   " + KEY.encode() + b" ")],
        [(b"x-api-key", KEY.encode())],
        [(b"x-goog-api-key", KEY.encode())],
        [(b"authorization", b"Basic abc"), (b"x-api-key", KEY.encode())],
        [(b"authorization", b"Bearer "), (b"x-api-key", KEY.encode())],
        [(b"authorization", b"Bearer"), (b"x-goog-api-key", KEY.encode())],
        [(b"cookie", b"a=b"), (b"host", b"x"), (b"authorization", b"Bearer " + KEY.encode())],
    ],
)
def test_good_key(keys: Keys, headers: Pairs) -> None:
    """OpenAI's, Anthropic's and Google's way to send a key are all understood."""
    assert keys.check(headers).is_admin


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", KEY.encode())],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer  ")],
        [(b"authorization", b"Bearer\t" + KEY.encode())],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"  ")],
        [(b"cookie", b"key=" + KEY.encode())],
        [(b"api-key", KEY.encode())],
    ],
)
def test_no_key(keys: Keys, headers: Pairs) -> None:
    """Without a key in its place the answer says how to send one."""
    with pytest.raises(
        InvalidKey, match=r"No key was sent\. Send your Gaud key as `Authorization: Bearer"
    ) as caught:
        keys.check(headers)
    assert (caught.value.http_status, caught.value.error_code) == (401, "missing_api_key")


@pytest.mark.parametrize(
    "key",
    [
        b"wrong",
        KEY.encode()[:-1],
        KEY.encode() + b"x",
        KEY.upper().encode(),
        b"\xff\xfe\x00",
        b"x" * 100_000,
        "ключ".encode(),
        hashlib.sha256(KEY.encode()).hexdigest().encode(),
        b"None",
    ],
)
@pytest.mark.parametrize("header", [b"authorization", b"x-api-key", b"x-goog-api-key"])
def test_wrong_key(keys: Keys, header: bytes, key: bytes) -> None:
    """Wrong, too long, not ASCII: always the same words, which do not repeat the key."""
    value = b"Bearer " + key if header == b"authorization" else key
    with pytest.raises(InvalidKey) as caught:
        keys.check([(header, value)])
    assert (caught.value.message, caught.value.error_code) == ("This key is not valid.", "invalid_api_key")


def test_bearer_counts_before_the_others(keys: Keys) -> None:
    """A wrong bearer is not saved by another header: one caller, one key."""
    with pytest.raises(InvalidKey):
        keys.check([(b"authorization", b"Bearer wrong"), (b"x-api-key", KEY.encode())])


def test_open_gateway_lets_all_in() -> None:
    """With auth switched off nobody is asked, whatever he sends."""
    keys, made = open_keys(Config(auth=Auth(enabled=False)))
    assert made is None
    assert keys.check([]).is_admin
    assert keys.check([(b"authorization", b"Bearer anything")]).is_admin


def test_digest_does_not_show(keys: Keys) -> None:
    """Neither key nor digest stands in a repr, and so in no log."""
    assert KEY not in repr(keys)
    assert hashlib.sha256(KEY.encode()).hexdigest()[:8] not in repr(keys)
    assert repr(hashlib.sha256(KEY.encode()).digest()) not in repr(keys)


def test_first_start_makes_a_key(tmp_path: Path) -> None:
    """It has 256 random bits, is given once, and only its digest is kept, for nobody else to read."""
    folder = tmp_path / "new" / "data"
    keys, made = open_keys(Config(data=Data(dir=folder)))
    assert made is not None
    assert re.fullmatch(r"sk-prx-[\w-]{43}", made)
    assert keys.check([(b"x-api-key", made.encode())]).is_admin
    file = folder / FILE
    assert file.read_text().strip() == hashlib.sha256(made.encode()).hexdigest()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert made not in file.read_text()


def test_second_start_is_silent(tmp_path: Path) -> None:
    """The same key opens, and is not shown again."""
    config = Config(data=Data(dir=tmp_path))
    _, made = open_keys(config)
    keys, again = open_keys(config)
    assert again is None
    assert made is not None
    assert keys.check([(b"x-api-key", made.encode())]).is_admin


def test_two_first_starts_make_different_keys(tmp_path: Path) -> None:
    """Keys are random."""
    made = [open_keys(Config(data=Data(dir=tmp_path / name)))[1] for name in ("a", "b")]
    assert made[0] != made[1]


def test_preset_key_writes_nothing(tmp_path: Path) -> None:
    """A key from the environment is used as it is, and no file is made for it."""
    config = Config(auth=Auth(bootstrap_key=Secret(KEY)), data=Data(dir=tmp_path))
    keys, made = open_keys(config)
    assert made is None
    assert keys.check([(b"x-api-key", KEY.encode())]).is_admin
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "nonsense", "abcd", "g" * 64, "a" * 66, "\x00"])
def test_broken_file(tmp_path: Path, content: str) -> None:
    """A file that holds no digest is a mistake of the configuration, never an open door."""
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ConfigError, match="it holds no digest"):
        open_keys(Config(data=Data(dir=tmp_path)))


def test_cure_of_a_broken_file(tmp_path: Path) -> None:
    """An empty file, as a crash at the first start leaves it, is cured by deleting it; it says so."""
    (tmp_path / FILE).write_text("")
    with pytest.raises(ConfigError, match=r"(?i)delete|remove"):
        open_keys(Config(data=Data(dir=tmp_path)))


def test_file_that_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no digest."""
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it holds no digest"):
        open_keys(Config(data=Data(dir=tmp_path)))


@pytest.mark.parametrize("what", ["file for a folder", "folder for a file", "file above"])
def test_unwritable_folder(tmp_path: Path, what: str) -> None:
    """A folder that cannot be written to is a ConfigError that names it and two cures."""
    taken = tmp_path / "taken"
    if what == "folder for a file":
        (tmp_path / FILE).mkdir()
        folder = tmp_path
    else:
        taken.write_text("")
        folder = taken / "below" if what == "file above" else taken
    with pytest.raises(ConfigError) as caught:
        open_keys(Config(data=Data(dir=folder)))
    (problem,) = caught.value.problems
    assert problem.path == "data.dir"
    assert str(folder / FILE) in problem.message
    assert "GAUD_AUTH_BOOTSTRAP_KEY" in problem.cure
