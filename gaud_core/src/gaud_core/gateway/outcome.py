"""What is known of a call at its end."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gaud_core.call import Usage
from gaud_core.errors import ApiError, ProviderError, one_line

__all__ = ["Outcome"]


def _forget(made: str) -> None:
    """Remember nothing."""


class Outcome(Struct):
    """How a call went, for the breaker, the log and the books.

    `error` is the upstream's failure, and its own 4xx and 5xx answers are there too; its `hint` is the cure,
    as far as the provider's `explain` knows one.
    """

    explain: Callable[[ProviderError], str | None]
    remember: Callable[[str], None] = _forget
    """Keeps an id that can be asked for later."""
    measured: Usage | None = None
    """What the request itself says of its usage, which counts if a good answer says nothing."""
    usage: Usage | None = None
    cost_usd: str | None = None
    """What the upstream says outside of `usage` that the call has cost."""
    milliunits: int | None = None
    """What the provider says that the call takes of its account's allowance, in thousandths."""
    status: int | None = None
    """The upstream's; None until it has answered."""
    answered: bool = False
    """Whether the answer came to its end."""
    error: ProviderError | None = None
    made: str = ""

    def has_made(self, made: str) -> None:
        """Note the id of what the call has made, however often it is told."""
        if made and made != self.made:
            self.made = made
            self.remember(made)

    def fail(self, failure: ApiError) -> None:
        """Note a failure and its cure; a plugin may raise any ApiError, as `Body.json()` does."""
        error = failure if isinstance(failure, ProviderError) else _of_provider(failure)
        self.error = error
        hint = error.hint or self.explain(error)
        error.hint = one_line(hint) if hint else None

    @property
    def was_free(self) -> bool:
        """Whether the call cannot have cost anything: it was refused, by an answer or before it was sent."""
        if self.error is None:
            return False
        if self.status is None:
            return self.error.unsent or self.error.http_status < 500
        return self.status >= 300

    @property
    def hint(self) -> str | None:
        """The cure of the failure, if there is one."""
        return self.error.hint if self.error else None

    @property
    def upstream_failed(self) -> bool:
        """Whether this counts against the upstream: a 5xx, a timeout, a broken answer; never a 4xx."""
        return self.error is not None and self.error.http_status >= 500 and not self.error.blameless

    @property
    def plugin_failed(self) -> bool:
        """Whether it was the plugin's own mistake, of which the upstream may know nothing."""
        return self.error is not None and self.error.blameless


def _of_provider(error: ApiError) -> ProviderError:
    return ProviderError(error.message, status=error.http_status, code=error.error_code, hint=error.hint)
