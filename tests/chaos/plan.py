"""What one trial asks of the upstream, and what that must cost."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from typing import Any

import attrs

__all__ = ["FAULTS", "MODEL", "PRICES", "Plan", "draw"]

MODEL = "chaos-model"
PRICES = {"input": "0.0000001237", "output": "0.000003", "cached": "0.00000003"}
"""US dollars for a token, as the upstream tells them; one has a part of a nano-dollar."""
_NANO = {name: Fraction(price) * 10**9 for name, price in PRICES.items()}

FAULTS = ("refused", "failed", "garbage", "torn", "reset", "stalled")
"""What an upstream may do instead of answering: 429, 500, no JSON, an end in the middle, RST, silence."""


@attrs.frozen
class Plan:
    """One call: it travels to the upstream in the request's `metadata`, which the gateway does not touch."""

    number: int
    key: str
    stream: bool = False
    fault: str = ""
    leaves: str = ""
    """When the client leaves: `before` the answer, in the `middle`, or never."""
    leaves_secs: float = 0.0
    prompt: int = 20
    completion: int = 10
    cached: int = 0
    most: int = 40
    """`max_tokens`: what is reserved for the answer."""
    told: int | None = None
    """The cost in nano-dollars that the upstream says, when it says one."""
    wait_secs: float = 0.01
    pieces: int = 3

    def body(self) -> bytes:
        """The request."""
        fields: dict[str, Any] = {"model": f"litellm:{MODEL}", "stream": self.stream, "max_tokens": self.most}
        fields["messages"] = [{"role": "user", "content": "x" * 100}]
        return json.dumps(fields | {"metadata": {"plan": attrs.asdict(self)}}).encode()

    @classmethod
    def of(cls, body: bytes) -> Plan:
        """Read a plan from the request that has arrived."""
        return cls(**json.loads(body)["metadata"]["plan"])

    @property
    def usage(self) -> dict[str, Any]:
        """OpenAI's `usage`, as the upstream tells it."""
        usage: dict[str, Any] = {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }
        return (
            usage if self.told is None else usage | {"cost": f"{self.told // 10**9}.{self.told % 10**9:09}"}
        )

    @property
    def nanos(self) -> int:
        """What the call costs: by what the upstream says, else by price, reckoned here once more."""
        if self.told is not None:
            return self.told
        fresh = (self.prompt - self.cached) * _NANO["input"]
        return math.ceil(fresh + self.cached * _NANO["cached"] + self.completion * _NANO["output"])

    @property
    def is_free(self) -> bool:
        """Whether the upstream refuses, and so charges nothing."""
        return self.fault in {"refused", "failed"}


def draw(rng: random.Random, number: int, key: str, calm: float = 0.75) -> Plan:
    """Make up a call; `calm` is the part of calls that nobody disturbs."""
    prompt, most = rng.randint(5, 60), rng.choice((20, 40, 80, 160))
    plan = Plan(
        number,
        key,
        stream=rng.random() < 0.5,
        prompt=prompt,
        completion=rng.randint(1, most),
        cached=rng.choice((0, 0, prompt // 2, prompt)),
        most=most,
        wait_secs=rng.choice((0, 0.005, 0.02, 0.1, 0.25)),
        pieces=rng.randint(1, 6),
    )
    if rng.random() < 0.3:
        plan = attrs.evolve(plan, told=rng.randint(0, plan.nanos))
    if rng.random() < calm:
        return plan
    if rng.random() < 0.5:
        return attrs.evolve(plan, fault=rng.choice(FAULTS))
    return attrs.evolve(plan, leaves=rng.choice(("before", "middle")), leaves_secs=rng.random() * 0.1)
