"""`frozen` for values of the hot path: the type checker holds them unchangeable, and making one costs little.

What `attrs.frozen` does at run time against a change of a value costs more than all else about it. Values
that plugins get their hands on are made with `attrs.frozen` all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["frozen"]

if TYPE_CHECKING:
    from attrs import frozen
else:
    from functools import partial

    import attrs

    frozen = partial(attrs.define, unsafe_hash=True)
