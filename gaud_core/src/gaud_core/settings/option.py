"""One option: what was declared about it, and how a value becomes what it wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import attrs

from gaud_core.settings.convert import from_file, from_text
from gaud_core.settings.kinds import Kind
from gaud_core.settings.secret import Secret
from gaud_core.settings.words import Mistake, did_you_mean, hidden, listed, shown

__all__ = ["FROM_NAME", "REQUIRED", "Check", "Option"]

Check = Callable[[Any], Any]

FROM_NAME: Final = "(from the name)"
_TEXT: Final = Kind(str)


@final
class _Required:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


@attrs.frozen(kw_only=True)
class Option:
    """One option as declared and, once `@settings` has seen the class, with its name, kind and variable."""

    help: str
    default: Any = REQUIRED
    env: str | None = FROM_NAME
    label: str = ""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    choices: tuple[str, ...] = ()
    check: Check | None = None
    unit: str = ""
    creates: bool = False
    live: bool = True
    name: str = ""
    kind: Kind = _TEXT

    @property
    def type(self) -> str:
        """The name of its type for people."""
        return self.kind.name

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.kind.secret

    @property
    def optional(self) -> bool:
        """Whether it may be nothing at all."""
        return self.kind.optional

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    @property
    def bounds(self) -> str:
        """The bounds in words, such as `at least 1 and at most 65535`; empty if there are none."""
        words = ((self.gt, "above"), (self.ge, "at least"), (self.lt, "below"), (self.le, "at most"))
        return " and ".join(f"{word} {shown(bound)}" for bound, word in words if bound is not None)

    def read(self, value: object, *, text: bool = False) -> Any:
        """The value in the option's type, checked; a Mistake says why it cannot be.

        With `text` it is taken as the environment's text, else strictly, as a TOML file or Python gives it.
        """
        if value is None and self.kind.optional:
            return None
        done = from_text(value, self.kind) if text and isinstance(value, str) else from_file(value, self.kind)
        if isinstance(done, Secret) and not done:
            return self._empty_secret()
        return self._checked(self._chosen(done))

    def _empty_secret(self) -> None:
        if not self.kind.optional:
            raise Mistake("must not be empty.")

    def _chosen(self, value: Any) -> Any:
        if not self.choices:
            return value
        if self.kind.many:
            return tuple(self._choice(item) for item in value)
        return self._choice(value)

    def _choice(self, value: str) -> str:
        for choice in self.choices:
            if choice.casefold() == value.casefold():
                return choice
        near = did_you_mean(value, self.choices)
        wanted = f"must be one of {listed(self.choices, 'or')}, not {shown(value)}."
        raise Mistake(wanted, f"Did you mean `{near}`?" if near else "")

    def _checked(self, value: Any) -> Any:
        if self.kind.numeric and not self._within(value):
            raise Mistake(f"must be {self.bounds}, not {shown(value)}.")
        if self.check is None:
            return value
        try:
            return self.check(value)
        except Mistake as wrong:
            raise Mistake(hidden(wrong.message, value), hidden(wrong.cure, value)) from None
        except ValueError as wrong:
            raise Mistake(f"cannot be used: {hidden(str(wrong), value)}") from None
        except Exception as wrong:
            raise Mistake(f"could not be checked: its check raised {type(wrong).__name__}.") from None

    def _within(self, value: float) -> bool:
        return (
            (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )
