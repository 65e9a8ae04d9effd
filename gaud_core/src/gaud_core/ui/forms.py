"""What a browser sends: a form's fields, read within bounds and turned into values in people's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

import attrs
from starlette.requests import Request

from gaud_core.admin.money import Amount
from gaud_core.admin.times import read_day_end
from gaud_core.errors import BadRequest, BodyTooLarge
from gaud_core.gateway.intake import read_body

__all__ = ["Form", "read_form"]

MOST_BYTES: Final = 1024 * 1024
_MOST_FIELDS = 1000
_KIND = "application/x-www-form-urlencoded"


@attrs.frozen
class Form:
    """The fields of a form, each as it was typed."""

    fields: tuple[tuple[str, str], ...] = ()

    def text(self, name: str) -> str:
        """Give a field without the space around it; empty if it is not there."""
        return next((value.strip() for key, value in self.fields if key == name), "")

    def names(self) -> Sequence[str]:
        """Give the names of all fields, each once."""
        return list(dict.fromkeys(name for name, _ in self.fields))

    def has(self, name: str) -> bool:
        """Whether a field was sent, as those of ticked boxes are."""
        return any(key == name for key, _ in self.fields)

    def whole(self, name: str, label: str) -> int | None:
        """Read a whole number; an empty field is no limit."""
        text = self.text(name).replace(",", "").replace("_", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            message = f"{label} must be a whole number such as 60. Leave it empty for no limit."
            raise BadRequest(message, param=name)
        return int(text)

    def nanos(self, name: str, label: str) -> int | None:
        """Read an amount of US dollars; an empty field is no limit."""
        text = self.text(name).removeprefix("$").strip()
        if not text:
            return None
        try:
            return Amount.read(text).nanos
        except ValueError as error:
            raise BadRequest(f"{label} {error}. Leave it empty for no limit.", param=name) from None

    def words(self, name: str) -> tuple[str, ...]:
        """Read names that stand in lines of their own or between commas."""
        return tuple(word for word in self.text(name).replace(",", "\n").split() if word)

    def last_day(self, name: str, label: str, now: int) -> int | None:
        """Read a date as the end of that day in UTC; an empty field is never."""
        text = self.text(name)
        if not text:
            return None
        try:
            end = read_day_end(text)
        except ValueError as error:
            raise BadRequest(f"{label} {error}.", param=name) from None
        if end <= now:
            today = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
            raise BadRequest(f"{label} must not be in the past; today is {today} in UTC.", param=name)
        return end


async def read_form(request: Request) -> Form:
    """Read the fields; BadRequest for another kind of body or too much of it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = await read_body(request.scope, request.receive, MOST_BYTES)
    except BodyTooLarge:
        raise BodyTooLarge(f"A form has at most {MOST_BYTES} bytes.") from None
    if not body:
        return Form()
    if kind != _KIND:
        raise BadRequest(f"A form comes as `{_KIND}`.", status=415, code="unsupported_media_type")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except (UnicodeDecodeError, ValueError):
        raise BadRequest("The form cannot be read: it must be UTF-8.") from None
    return Form(tuple((name, value.replace("\r\n", "\n")) for name, value in pairs))
