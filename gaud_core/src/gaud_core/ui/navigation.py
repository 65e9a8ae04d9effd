"""The menu: which pages there are, for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

__all__ = ["Item", "menu"]


@attrs.frozen
class Item:
    """An entry of the menu; `icon` is the name of one in `icons.html`."""

    path: str
    title: str
    icon: str
    current: bool = False


_ADMIN: Final = (
    Item("/ui/dashboard", "Dashboard", "gauge"),
    Item("/ui/providers", "Providers", "plug"),
    Item("/ui/models", "Models", "layers"),
    Item("/ui/users", "Users", "people"),
    Item("/ui/budgets", "Budgets", "purse"),
    Item("/ui/usage", "Usage", "chart"),
    Item("/ui/settings", "Settings", "sliders"),
    Item("/ui/playground", "Playground", "chat"),
)
_MEMBER: Final = (
    Item("/ui/usage", "Usage", "chart"),
    Item("/ui/keys", "Keys", "key"),
    Item("/ui/playground", "Playground", "chat"),
)


def menu(path: str, *, is_admin: bool) -> Sequence[Item]:
    """Give the entries that somebody has, with the one that he looks at marked."""
    return [
        attrs.evolve(item, current=path == item.path or path.startswith(f"{item.path}/"))
        for item in (_ADMIN if is_admin else _MEMBER)
    ]
