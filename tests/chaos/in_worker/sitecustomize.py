"""Python imports this at the start of a worker, whose PYTHONPATH has its folder; idle without CHAOS_CLOCK."""

from __future__ import annotations

import importlib
import os

if "CHAOS_CLOCK" in os.environ:
    importlib.import_module("chaos_worker").prepare(os.environ)
