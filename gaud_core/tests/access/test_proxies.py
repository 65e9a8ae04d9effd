"""What proxies say is believed from those that are trusted, and only where there is no doubt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaud_core.access.proxies import Proxies, name_in


def _scope(client: Any, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": client, "headers": headers}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada Lovelace ", "Ada Lovelace"),
        ("CN=Ada", "Ada"),
        ("cn=Ada,O=Acme", "Ada"),
        ("O=Acme,CN=Ada", "Ada"),
        ("C = GB, O = Acme, CN = Ada Lovelace", "Ada Lovelace"),
        ("CN=Ada+serialNumber=7,O=Acme", "Ada"),
        ("CN=Lovelace\\, Ada,O=Acme", "Lovelace, Ada"),
        ("O=a\\,CN=admin,CN=Ada", "Ada"),
        ("CN=grüße", "grüße"),
        ("CN=a\\=b", "a=b"),
        ("CN=a/CN=admin", "a/CN=admin"),
        # an escaped backslash is a value's end, so what follows is an attribute
        ("O=a\\\\,CN=Ada", "Ada"),
    ],
)
def test_names(subject: str, name: str) -> None:
    """As RFC 4514 writes them, or bare."""
    assert name_in(subject.encode()) == name


@pytest.mark.parametrize(
    "subject",
    [
        b"",
        b"   ",
        b"CN=",
        b"CN= ",
        b"O=Acme",
        b"O=x\\,CN=admin",
        b"O=a/CN=admin",
        b"/O=a/CN=admin",
        b"/CN=admin",
        b"/O=a,CN=admin",
        b"CN=Ada,CN=admin",
        b"CN=admin,CN=admin",
        b'O="x,CN=admin"',
        b'CN="admin"',
        b"CN=admin\\",
        b"CN=admin\\ ",
        b"CN=adm\\69n",
        b"CN=#0C0561646D696E\\",
        b"XCN=admin",
        b"2.5.4.3=admin",
        b"emailAddress=a@b/CN=admin",
        "ＣＮ=admin".encode(),
        "СN=admin".encode(),  # a Cyrillic letter
        b"CN=admin\x00",
        b"CN=ad\x00min",
        "CN=admin\u202e".encode(),
        "CN=admin\u200b".encode(),
        b"CN=\xff\xfe",
        b"CN=" + b"x" * 257,
        b"x" * 257,
        b"admin\\",
    ],
)
def test_what_holds_no_name_for_sure(subject: bytes) -> None:
    """A guess would be a way in."""
    assert name_in(subject) is None


TEXT = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=20)


def _escaped(value: str) -> str:
    """A value as RFC 4514 §2.4 wants it."""
    text = "".join("\\" + char if char in ' ,+;<>#=\\"' else char for char in value)
    return text.replace("\\\\", "\\5C").replace('\\"', "\\22")


@given(TEXT, TEXT)
@example("x,CN=admin", "x")
@example("x\\", "x")
@example("a+CN=admin", "x")
def test_no_value_of_another_attribute_makes_a_name(organisation: str, unit: str) -> None:
    """Whatever a certificate's owner could get into his organisation."""
    assert name_in(f"O={_escaped(organisation)},OU={_escaped(unit)}".encode()) is None


@given(TEXT, TEXT)
@example("Ada", "x,CN=admin")
@example("Ada,CN=admin", "x")
def test_a_name_is_read_as_it_was_written(name: str, organisation: str) -> None:
    """Or not at all, where the escapes are of the kind that is not read."""
    found = name_in(f"O={_escaped(organisation)},CN={_escaped(name)}".encode())
    assert found == name or (found is None and set(name + organisation) & set('\\"'))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_not(subject: bytes) -> None:
    """Nothing is an error, and what comes out can be shown."""
    name = name_in(subject)
    assert name is None or (name.isprintable() and 0 < len(name) <= 256)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.7, rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7,"], "10.0.0.1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "[2001:db8::1]"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.9", ["203.0.113.7"], "192.0.2.9"),
        ("", ["203.0.113.7"], ""),
    ],
)
def test_who_the_client_is(peer: str, forwarded: list[str], client: str) -> None:
    """The last address that no trusted proxy has; what stands before it may be anybody's writing."""
    assert Proxies(("10.0.0.0/8",)).client(_scope((peer, 1), *forwarded)) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    """And without an address neither."""
    assert Proxies().client(_scope(("127.0.0.1", 1), "203.0.113.7")) == "127.0.0.1"
    assert not Proxies().is_trusted(_scope(("127.0.0.1", 1)))
    assert not Proxies(("0.0.0.0/0",)).is_trusted(_scope(None))
    assert Proxies(("0.0.0.0/0",)).client(_scope(None, "203.0.113.7")) == ""


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_forwarded_header(values: list[str]) -> None:
    """Nothing that stands in it is an error, and the peer's own word is the last resort."""
    headers = [(b"x-forwarded-for", value.encode("utf-8", "surrogatepass")) for value in values]
    found = Proxies(("10.0.0.0/8",)).client({"client": ("10.0.0.1", 1), "headers": headers})
    assert found
