"""Python imports this at the start of a worker, because its folder is in PYTHONPATH; without CHAOS_CLOCK it is idle."""

from __future__ import annotations

import importlib
import os

if "CHAOS_CLOCK" in os.environ:
    importlib.import_module("chaos_worker").prepare(os.environ)
