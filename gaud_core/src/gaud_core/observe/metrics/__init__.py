"""Numbers for Prometheus: counted in memory, added up over all workers, written as text when somebody asks.

`meter.py` counts, `board.py` is the memory that workers share, `text.py` Prometheus' format and `page.py` the
page.
"""

from __future__ import annotations

from gaud_core.observe.metrics.board import Board
from gaud_core.observe.metrics.meter import Meter
from gaud_core.observe.metrics.page import keep_published, metrics_page

__all__ = ["Board", "Meter", "keep_published", "metrics_page"]
