"""The gateway that a client is to call: its address, the key, and the models that the key may use."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
import click

from gaud_core.cli.clients import KEY_VARIABLE
from gaud_core.cli.common import read_setup
from gaud_core.errors import GaudError, one_line
from gaud_core.settings import Secret

__all__ = [
    "Listed",
    "checked_address",
    "choose",
    "find_address",
    "find_key",
    "find_model",
    "instances_at",
    "is_key",
    "is_private",
    "list_models",
    "message_of",
    "sees_a_person",
    "with_stop",
]

_WAIT_SECS = 5.0
_LONGEST = 4 * 1024 * 1024
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listening everywhere is being here as well
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_NAME = re.compile(r"""[^\s"'\\`$*]{1,200}""")
_KEY = re.compile(r"[!#-&(-\[\]-_a-~]+")  # visible ASCII without quotes and backslash
_BAD_KEY = "{root} does not accept the key. `gaud keys create USER` makes one."
_CHATTING = {None, "chat", "responses"}


@attrs.frozen
class Listed:
    """A model of `/v1/models`."""

    id: str
    context: int | None = None


def find_address(url: str | None, config_path: str | None) -> str:
    """The address without `/v1`: from `--url`, GAUD_URL, or where the configuration lets Gaud listen."""
    named = url or os.environ.get("GAUD_URL", "").strip()
    if named:
        return checked_address(named, "--url" if url else "GAUD_URL").removesuffix("/v1")
    server = read_setup(config_path).config.server
    host = _HERE.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def sees_a_person() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def find_key(given: str | None, *, ask: bool = True) -> Secret | None:
    """The key from `--key`, GAUD_KEY, or a person at a terminal; None if there is none of these."""
    text = (given or os.environ.get(KEY_VARIABLE, "")).strip()
    if not text and ask and sees_a_person():
        text = click.prompt("Your Gaud key", hide_input=True, err=True).strip()
    if text and not is_key(text):
        raise GaudError("The key has characters that no key of Gaud has: it was not copied as it is.")
    return Secret(text) if text else None


def is_key(text: str) -> bool:
    """Whether a text can be a key, and can be sent in a header."""
    return bool(_KEY.fullmatch(text))


def list_models(root: str, key: Secret, endpoint: str) -> list[Listed]:
    """Ask the gateway what this key may use to chat; GaudError says what is wrong and what cures it."""
    status, found = _get(root, "/v1/models", key)
    if status in {401, 403}:
        raise GaudError(_BAD_KEY.format(root=root))
    rows = found.get("data") if isinstance(found, Mapping) else None
    if status != 200 or not isinstance(rows, list):
        said = f": {message_of(found).rstrip('.')}" if message_of(found) else ""
        raise GaudError(f"{root}/v1/models answers {status} and no list of models{said}. Is that Gaud?")
    return list(_usable(rows, endpoint))


def find_model(root: str, key: Secret | None, model: str) -> Mapping[str, Any] | None:
    """Ask the gateway what it knows of one model; None if it wants a key and there is none.

    Of a model that it does not list and yet passes on, it knows nothing. GaudError says what is wrong: in
    the gateway's words for a model that nobody serves or that the key may not use.
    """
    status, found = _get(root, f"/v1/models/{quote(model, safe='/:')}", key)
    if status == 401 and key is None:
        return None
    if status == 401:
        raise GaudError(_BAD_KEY.format(root=root))
    if status == 200 and isinstance(found, Mapping) and isinstance(found.get("id"), str):
        return found
    error = found.get("error") if isinstance(found, Mapping) else None
    if not isinstance(error, Mapping) or not error.get("code") or not message_of(found):
        raise GaudError(f"{root} answers {status} when it is asked for a model. Is that Gaud?")
    if error["code"] == "model_not_found" and not error.get("param"):  # not listed, but passed on
        return {}
    raise GaudError(with_stop(message_of(found)))


def instances_at(root: str, key: Secret | None) -> list[str]:
    """Name the providers' instances that the gateway has; they are what models' prefixes can be."""
    found = _get(root, "/", key)[1]
    names = found.get("providers") if isinstance(found, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def choose(models: Sequence[Listed], wanted: str | None, root: str) -> Listed:
    """The model that was named, listed or not; else the first of the list."""
    if wanted:
        if not _NAME.fullmatch(wanted):
            raise GaudError("--model: this is no name that a model can have in the files of clients.")
        return next((model for model in models if model.id == wanted), Listed(wanted))
    if not models:
        raise GaudError(
            f"{root} lists no model that chats with this key: name one with --model, or see `gaud models`."
        )
    return models[0]


def is_private(root: str) -> bool:
    """Whether what is sent there is encrypted, or does not leave the machine."""
    parts = urlsplit(root)
    return parts.scheme == "https" or bool(_LOOPBACK.fullmatch(parts.hostname or ""))


def checked_address(url: str, source: str) -> str:
    """The address without a slash at its end; GaudError for what is none, or holds more than an address."""
    try:
        parts = urlsplit(url.rstrip("/"))
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"[!#-&(-;=?-\[\]-_a-~]+", url):
        raise GaudError(f"{source} is no address: write it like http://gaud.example:8400.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise GaudError(f"{source}: only the address belongs there, no key, name or question mark.")
    return parts.geturl()


def message_of(found: Any) -> str:
    """The words of an error answer, on one line; empty if it has none in a place where they are usual."""
    error = found.get("error") if isinstance(found, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else error
    if not isinstance(said, str) and isinstance(found, Mapping):
        said = found.get("detail")
    return one_line(said)[:300].strip() if isinstance(said, str) else ""


def with_stop(text: str) -> str:
    """The text as a sentence: some upstreams leave its end open."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _get(root: str, path: str, key: Secret | None) -> tuple[int, Any]:
    parts = urlsplit(root)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=_WAIT_SECS)
    try:
        headers = {"authorization": f"Bearer {key.reveal()}"} if key else {}
        connection.request("GET", f"{parts.path}{path}", headers=headers)
        answer = connection.getresponse()
        body = answer.read(_LONGEST)
    except ssl.SSLError as error:
        raise GaudError(f"{root} cannot be trusted: {error.reason or error}.") from None
    except TimeoutError:
        raise GaudError(f"{root} does not answer within {_WAIT_SECS:g} seconds.") from None
    except (OSError, http.client.HTTPException):
        cure = "Start Gaud with `gaud serve`, or say where it is: --url."
        raise GaudError(f"Nothing that speaks HTTP answers at {root}. {cure}") from None
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except (ValueError, RecursionError):
        return answer.status, None


def _usable(rows: list[Any], endpoint: str) -> Iterator[Listed]:
    """Leave out what does not chat, as far as the gateway knows, and what no file of a client can hold."""
    for row in rows:
        name = row.get("id") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.isprintable():
            continue
        endpoints = row.get("endpoints")
        serves = not isinstance(endpoints, list) or bool(
            {endpoint, "chat/completions"} & set(map(str, endpoints))
        )
        mode = row.get("mode")
        if serves and (not isinstance(mode, str) or mode in _CHATTING):
            context = row.get("max_input_tokens")
            yield Listed(name, context if type(context) is int and context > 0 else None)
