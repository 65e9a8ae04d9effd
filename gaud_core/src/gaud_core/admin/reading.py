"""From the bytes of a request to the class that it should hold, or BadRequest in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import attrs
import msgspec

from gaud_core.admin.money import Amount
from gaud_core.errors import BadRequest
from gaud_core.settings.words import did_you_mean, listed, printable

__all__ = ["NAMES", "named", "read_body", "read_query"]

NAMES: Final = {"from_": "from"}
"""How a field is spelled outside, where it cannot be spelled so in Python."""

_MOST_WHOLE = 2**63

_WHERE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")


def named(field: str) -> str:
    """The name of a field outside."""
    return NAMES.get(field, field)


def read_body(raw: bytes, into: type) -> Any:
    """Read a JSON object; what its class does not know is refused, and so is a name that stands twice."""
    found = _object(raw)
    _refuse_unknown(found, into, "field")
    return _convert(found, into, strict=True)


def read_query(pairs: Sequence[tuple[str, str]], into: type | None) -> Any:
    """Read a query; None where no query is taken, and then none may be sent."""
    given = dict(pairs)
    _refuse_unknown(given, into, "query parameter")
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse_twice(next(name for name in names if names.count(name) > 1))
    if into is None:
        return None
    fields = {
        field.name: given[named(field.name)] for field in attrs.fields(into) if named(field.name) in given
    }
    query = _convert(fields, into, strict=False)
    for name, text in fields.items():
        value = getattr(query, name)
        if isinstance(value, int) and str(value) != text:  # `1e1` and `5.0` are numbers, but no page's
            raise BadRequest(f"`{named(name)}` must be a whole number.", param=named(name))
    return query


def _object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise BadRequest("The request has no body. Send a JSON object.")
    try:
        msgspec.json.decode(raw)  # strict about UTF-8, surrogates and the grammar, which json is not
        found = json.loads(raw.decode(), parse_float=_number, object_pairs_hook=_without_twins)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not valid UTF-8: {error.reason}.") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    except (msgspec.DecodeError, ValueError) as error:
        reason = str(error).replace("JSON is malformed: ", "")
        raise BadRequest(f"The request body is not valid JSON: {printable(reason)}.") from None
    if not isinstance(found, dict):
        raise BadRequest("The request body must be a JSON object.")
    return found


def _number(text: str) -> int | Decimal:
    """Read a number that is written with a point or an exponent: to JSON, `5.0` is a whole number."""
    number = Decimal(text)
    is_whole = abs(number) < _MOST_WHOLE and number == number.to_integral_value()
    return int(number) if is_whole else number


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse_twice(name)
        found[name] = value
    return found


def _refuse_twice(name: str) -> None:
    raise BadRequest(f"`{printable(name)}` is given twice.", param=printable(name))


def _refuse_unknown(given: Iterable[str], into: type | None, what: str) -> None:
    known = [named(field.name) for field in attrs.fields(into)] if into is not None else []
    for name in given:
        if name not in known:
            meant = did_you_mean(name, known)
            cure = f"Did you mean `{meant}`?" if meant else f"There are {listed(known)}." if known else ""
            told = f"There is no {what} `{printable(name)}` here. {cure}".strip()
            raise BadRequest(told, param=printable(name), code="unknown_parameter")


def _convert(found: Mapping[str, Any], into: type, *, strict: bool) -> Any:
    try:
        return msgspec.convert(found, into, strict=strict, dec_hook=_amount)
    except msgspec.ValidationError as error:
        raise _said(str(error), into) from None


def _amount(wanted: type, value: Any) -> Any:
    if wanted is not Amount:
        raise NotImplementedError(f"{wanted} cannot be read from JSON")
    return Amount.read(value)


def _said(text: str, into: type) -> BadRequest:
    """Turn what msgspec says into a sentence about the field."""
    if missing := _MISSING.match(text):
        name = named(missing[1])
        return BadRequest(f"`{name}` is missing.", param=name)
    found = _WHERE.fullmatch(text)
    what, path = (found["what"], found["path"] or "") if found else (text, "")
    field = re.sub(r"\[.*", "", path.lstrip("."))
    name = named(field)
    return BadRequest(f"`{name}` {_mistake(what, _choices(into, field))}.", param=name)


def _mistake(what: str, choices: Sequence[str]) -> str:
    if choices:
        return f"must be {listed(choices, 'or')}"
    if what.startswith("must"):  # our own words, from a hook
        return what
    if "matching regex" in what:
        return "is not written as it must be, or holds characters that cannot be used"
    return "cannot be used: " + what[:1].lower() + what[1:].replace("decimal", "number")


def _choices(into: type, field: str) -> Sequence[str]:
    wanted = get_type_hints(into).get(field)
    return get_args(wanted) if get_origin(wanted) is Literal else ()
