"""The books: intent before a call, settlement after it, and the proof that they agree.

`open_ledger` is the way in and `Ledger` all that the gateway needs; `books.py` is one transaction.
"""

from __future__ import annotations

from gaud_core.ledger.ledger import Ledger, open_ledger
from gaud_core.ledger.made import Made
from gaud_core.ledger.prices import DEFAULT_OUTPUT_TOKENS, cost_of, nanos_of_usd, worst_of, worst_of_units
from gaud_core.ledger.prompt import prompt_tokens
from gaud_core.ledger.values import (
    Admission,
    Policy,
    Remaining,
    Room,
    Settled,
    Settlement,
    Ticket,
    Worst,
)
from gaud_core.ledger.verify import Difference, Report

__all__ = [
    "DEFAULT_OUTPUT_TOKENS",
    "Admission",
    "Difference",
    "Ledger",
    "Made",
    "Policy",
    "Remaining",
    "Report",
    "Room",
    "Settled",
    "Settlement",
    "Ticket",
    "Worst",
    "cost_of",
    "nanos_of_usd",
    "open_ledger",
    "prompt_tokens",
    "worst_of",
    "worst_of_units",
]
