"""Every version of the file that was applied, kept in the data folder for its owner only."""

from __future__ import annotations

import attrs

__all__ = ["Version"]


@attrs.frozen(kw_only=True)
class Version:
    """One version of the file that was applied. Its text holds secrets, so it is not here."""

    id: int
    """Counts up."""
    at: int
    """Milliseconds since 1970 in UTC."""
    actor: str
    """The id of the administrator, `file` for an editor's change, `cli:name`, `start`."""
    action: str
    """In words: `change`, `apply`, `rollback to 12`, `file`, `start`."""
    digest: str
    """Tells one text from another; equal to `LiveState.version` for what runs."""
    keys: tuple[str, ...] = ()
    """The settings that changed with it."""
    path: str = ""
