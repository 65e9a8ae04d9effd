"""What requests may hold: their classes are the check and the documentation at once.

A field without a default must be given; UNSET stands for one that was not.
"""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
from msgspec import UNSET, Meta, UnsetType

from gaud_core.admin.money import Amount
from gaud_core.admin.times import MOMENT

__all__ = [
    "BudgetChange",
    "KeyChange",
    "NewKey",
    "NewUser",
    "PageQuery",
    "Rotation",
    "SummaryQuery",
    "UsageQuery",
]

_READABLE = "^[^\\x00-\\x1f\\x7f]+$"

Name = Annotated[
    str,
    Meta(
        max_length=200,
        pattern="[^\\s]",
        description="Unique among users who are not deleted.",
        examples=["Ada"],
    ),
]
Role = Annotated[Literal["admin", "member"], Meta(description="An admin may use the admin API.")]
Label = Annotated[str, Meta(max_length=200, description="What people recognise the key by.")]
Models = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
    Meta(
        max_length=100,
        description="Names or globs of models that the key may use; an empty list allows every model.",
        examples=[["gpt-4o*", "work:*"]],
    ),
]
Limit = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Moment = Annotated[str, Meta(pattern=MOMENT, examples=["2026-12-31T00:00:00Z", "2026-12-31"])]
GraceSecs = Annotated[
    int,
    Meta(ge=0, le=31_536_000, description="For how long the old text goes on working beside the new one."),
]

PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
PerPage = Annotated[int, Meta(ge=1, le=500)]
Wanted = Annotated[str, Meta(pattern=_READABLE)]
Status = Annotated[
    str,
    Meta(
        pattern="^(ok|error|open|lost|[1-5][0-9][0-9])$",
        description="ok, error, open (it runs), lost (its process died), or an HTTP status such as 429.",
    ),
]
Provider = Annotated[str, Meta(pattern=_READABLE, description="An instance's name, or its provider's.")]
From = Annotated[
    str, Meta(pattern=MOMENT, description="Calls from this time on; a date begins at midnight UTC.")
]
To = Annotated[
    str, Meta(pattern=MOMENT, description="Calls before this time; a date is included as a whole.")
]
Group = Annotated[Literal["day", "user", "model", "provider", "key"], Meta(description="What to add up by.")]


@attrs.frozen(kw_only=True)
class NewUser:
    """A user to be made."""

    name: Name
    role: Role = "member"


@attrs.frozen(kw_only=True)
class NewKey:
    """A key to be made; null is without limit."""

    label: Label = ""
    models: Models = ()
    rpm: Limit | None = None
    tpm: Limit | None = None
    concurrency: Limit | None = None
    expires_at: Moment | None = None


@attrs.frozen(kw_only=True)
class KeyChange:
    """What to change of a key; what is left out stays."""

    label: Label | UnsetType = UNSET
    models: Models | UnsetType = UNSET
    rpm: Limit | UnsetType | None = UNSET
    tpm: Limit | UnsetType | None = UNSET
    concurrency: Limit | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET


@attrs.frozen(kw_only=True)
class Rotation:
    """How to give a key a new text."""

    grace_secs: GraceSecs = 0


@attrs.frozen(kw_only=True)
class BudgetChange:
    """Budgets in US dollars; null is without limit, what is left out stays."""

    monthly_limit: Amount | UnsetType | None = UNSET
    daily_limit: Amount | UnsetType | None = UNSET


@attrs.frozen(kw_only=True)
class PageQuery:
    """Which part of a list."""

    page: PageNumber = 1
    per_page: PerPage = 50


@attrs.frozen(kw_only=True)
class UsageQuery(PageQuery):
    """Which calls."""

    user_id: Wanted | UnsetType = UNSET
    key_id: Wanted | UnsetType = UNSET
    provider: Provider | UnsetType = UNSET
    model: Wanted | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    # `from` is a word of Python's: `reading.NAMES` says how it is spelled in a URL
    from_: From | UnsetType = UNSET
    to: To | UnsetType = UNSET


@attrs.frozen(kw_only=True)
class SummaryQuery(UsageQuery):
    """Which calls, added up by what."""

    by: Group
