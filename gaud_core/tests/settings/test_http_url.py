"""http_url puts a base URL in order or says what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.settings import Mistake, http_url


@pytest.mark.parametrize(
    ("given_url", "wanted"),
    [
        ("http://localhost:4000", "http://localhost:4000"),
        ("http://localhost:4000/", "http://localhost:4000"),
        ("https://api.example.com/v1//", "https://api.example.com/v1"),
        ("HTTPS://Example.com", "https://Example.com"),
        ("http://[::1]:4000/", "http://[::1]:4000"),
        ("http://under_score:80", "http://under_score:80"),
        ("http://bücher.example", "http://bücher.example"),
    ],
)
def test_a_good_url_is_put_in_order(given_url: str, wanted: str) -> None:
    """The scheme becomes small and the trailing slash goes."""
    assert http_url(given_url) == wanted


@pytest.mark.parametrize("bare", ["localhost:4000", "localhost", "127.0.0.1:4000", "example.com/v1"])
def test_a_missing_scheme_is_suggested(bare: str) -> None:
    """The message holds the line to paste."""
    with pytest.raises(Mistake) as caught:
        http_url(bare)
    assert str(caught.value) == f"must start with `http://` or `https://`. Did you mean `http://{bare}`?"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "must be a URL, not empty"),
        ("ftp://host", "must start with `http://`"),
        ("http:/localhost", "must start with `http://`"),
        ("http:localhost", "must start with `http://`"),
        ("//localhost", "must start with `http://`"),
        ("http://", "must name a host"),
        ("http:///path", "must name a host"),
        ("http://:4000", "must name a host"),
        ("http://host:99999", "must have a port from 1 to 65535"),
        ("http://host:0", "must have a port"),
        ("http://host:", "must have a port"),
        ("http://host:port", "must have a port"),
        ("http://ho st", "without spaces"),
        ("http://host\n", "without spaces"),
        (" http://host", "without spaces"),
        ("http://host?key=1", "Leave out everything from the `?`"),
        ("http://host?", "Leave out everything from the `?`"),
        ("http://host/#top", "Leave out everything from the `?` or `#`"),
        ("http://[::1", "no usable host name"),
        ("http://[nonsense]", "no usable host name"),
        ("http://[127.0.0.1]", "no usable host name"),
        ("http://[v1.x]", "no usable host name"),
        ("http://a\\b", "no usable host name"),
        ("http://a<b>", "no usable host name"),
        ("http://::1:4000", "must name a host"),
        ("http://\u2100.example", "no usable host name"),
    ],
)
def test_a_bad_url_is_refused_with_its_reason(bad: str, words: str) -> None:
    """Each mistake has its own words."""
    with pytest.raises(Mistake, match=words.replace("?", r"\?").replace("(", r"\(")):
        http_url(bad)


@pytest.mark.parametrize(
    "leaky",
    [
        "http://me:hunter2@host",
        "me:hunter2@host:4000",
        "http://host?key=hunter2",
        "http://host#hunter2",
        "http://me:hunter2@ho st",
        "http://me:hunter2@host:99999",
        "ftp://me:hunter2@host",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(leaky: str) -> None:
    """What looks like a password or a key stands in no message."""
    with pytest.raises(Mistake) as caught:
        http_url(leaky)
    assert "hunter2" not in str(caught.value)


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.from_regex(r"https?://[^@]{0,30}")))
def test_any_text_is_a_url_or_a_mistake(text: str) -> None:
    """Nothing else is raised, and a good URL stays as it is when checked again."""
    try:
        once = http_url(text)
    except Mistake:
        return
    assert http_url(once) == once
