"""Who calls: users with budgets, keys with limits; and the administrator who changes them under load."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import attrs

from gaud_core.access.people import People
from gaud_core.access.values import Budget, KeyLimits
from gaud_core.errors import BooksClosed
from gaud_core.store import Store

__all__ = ["Actor", "Cast"]

_ADMIN = "chaos-test"


@attrs.define(eq=False)
class Actor:
    """One key, as the callers know it; times in milliseconds of the run's clock."""

    id: str
    user: str
    text: str
    limits: KeyLimits = attrs.field(factory=KeyLimits)
    weight: int = 1
    old_text: str | None = None
    """The text before the last rotation, which some callers go on using."""
    ends: dict[str, int] = attrs.field(factory=dict, repr=False)
    """When a text stopped to open anything: its grace was over, or the key was revoked."""


@attrs.define(eq=False)
class Cast:
    """Everybody who calls."""

    store: Store
    clock: Callable[[], int]
    rng: random.Random
    actors: dict[str, Actor] = attrs.field(factory=dict)
    """By the key's id; revoked ones stay."""
    budgets: dict[str, int] = attrs.field(factory=dict)
    """Nano-dollars a day, by user."""
    monthly: dict[str, int] = attrs.field(factory=dict)
    """Nano-dollars a month, by user."""

    def add(
        self,
        name: str,
        limits: KeyLimits | None = None,
        *,
        weight: int = 1,
        daily: int | None = None,
        monthly: int | None = None,
    ) -> Actor:
        """Add a user with one key; blocks while it is written."""
        people = People(self.store, self.clock)
        user = people.create_user(name, actor=_ADMIN).id
        if daily is not None or monthly is not None:
            people.set_budget(user, Budget(daily, monthly), actor=_ADMIN)
        if daily is not None:
            self.budgets[user] = daily
        if monthly is not None:
            self.monthly[user] = monthly
        return self.add_key(user, limits or KeyLimits(), weight)

    def add_key(self, user: str, limits: KeyLimits, weight: int = 1) -> Actor:
        """Give a user another key."""
        key, text = People(self.store, self.clock).create_key(user, "test", limits, actor=_ADMIN)
        self.actors[key.id] = Actor(key.id, user, text, limits, weight)
        return self.actors[key.id]

    def assemble(self) -> None:
        """Make the usual cast; minutes are minutes of the fast clock."""
        for number in range(3):
            self.add(f"free {number}", weight=8)
        self.add("rpm", KeyLimits(rpm=25), weight=8)
        self.add("tpm", KeyLimits(tpm=1500), weight=6)
        one = self.add("concurrency", KeyLimits(concurrency=2), weight=6)
        self.add_key(one.user, KeyLimits(concurrency=1), weight=4)
        self.add("everything", KeyLimits((), 60, 6000, 3), weight=4, daily=3_000_000, monthly=5_000_000)
        self.add_spender()

    def add_spender(self) -> None:
        """Add a user whose budget is soon spent; the others with one have hardly any left."""
        some = self.rng.randint(200_000, 1_500_000)
        monthly = some if self.rng.random() < 0.3 else None
        for actor in self.actors.values():
            if actor.user in self.budgets or actor.user in self.monthly:
                actor.weight = min(actor.weight, 2)
        self.add(f"spender {len(self.actors)}", weight=8, daily=None if monthly else some, monthly=monthly)

    def pick(self) -> Actor:
        """Choose who calls next."""
        actors = [actor for actor in self.actors.values() if actor.weight]
        return self.rng.choices(actors, [actor.weight for actor in actors])[0]

    def text_of(self, actor: Actor) -> str:
        """Choose the text that a caller presents: now and then he has not heard of the rotation."""
        return actor.old_text if actor.old_text and self.rng.random() < 0.3 else actor.text

    async def revoke(self) -> bool:
        """Revoke a key in the midst of its calls, and give its user another one."""
        actor = self._changeable()
        people = People(self.store, self.clock)
        try:
            await asyncio.to_thread(people.revoke_key, actor.id, actor=_ADMIN)
            ended = self.clock()
            for text in (actor.text, actor.old_text or actor.text):
                actor.ends[text] = min(ended, actor.ends.get(text, ended))
            actor.weight = min(actor.weight, 1)  # some go on trying
            await asyncio.to_thread(self.add_key, actor.user, actor.limits, 8)
        except BooksClosed:
            return False
        return True

    async def rotate(self) -> bool:
        """Give a key another text; the old one has some seconds of grace, or none."""
        actor = self._changeable()
        grace = self.rng.choice((0, 0, 10, 30))
        people = People(self.store, self.clock)
        try:
            rotated = await asyncio.to_thread(people.rotate_key, actor.id, grace, actor=_ADMIN)
        except BooksClosed:
            return False
        ended = self.clock()
        if actor.old_text is not None:  # a second rotation ends the text before the first
            actor.ends[actor.old_text] = min(ended, actor.ends.get(actor.old_text, ended))
        actor.ends[actor.text] = ended + grace * 1000
        actor.old_text, actor.text = actor.text, rotated[1]
        return True

    def _changeable(self) -> Actor:
        """One of the keys that work and have no limit, so that nothing of those is shaken."""
        live = [a for a in self.actors.values() if a.text not in a.ends and a.limits == KeyLimits()]
        return self.rng.choice([actor for actor in live if actor.weight > 2] or live)
