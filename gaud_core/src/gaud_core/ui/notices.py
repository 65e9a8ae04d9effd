"""What a page says after something was done; an address names the sentence, and cannot hold another one."""

from __future__ import annotations

from typing import Final

__all__ = ["NOTICES"]

NOTICES: Final = {
    "signed-out": "You are signed out.",
    "session-over": "Your session has ended. Sign in again.",
    "user-created": "The user is there. Give him a key next.",
    "user-deleted": "The user and all his keys have ended. His calls stay in the books.",
    "key-changed": "The key is changed. It counts from the next call on.",
    "key-revoked": "The key is revoked. No worker takes it any more.",
    "budget-set": "The budget is set. It counts from the next call on.",
    "logged-out": "Disconnected. The stored token is deleted.",
    "settings-applied": "Applied. Running calls have gone on undisturbed.",
    "settings-same": "Nothing has changed: these values were in force already.",
    "rolled-back": "The earlier version is in force again.",
    "reloaded": "The file on the disk is in force.",
}
