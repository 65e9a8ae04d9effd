"""The kit on every planted bug; `PLANTED=2/3` takes the second third of them."""

from __future__ import annotations

import os

from bugs import BUGS, GOOD

_part, _, _parts = os.environ.get("PLANTED", "1/1").partition("/")
for _planted in (*GOOD, *BUGS)[int(_part) - 1 :: int(_parts)]:
    globals()[f"Test{_planted.provider.__name__}"] = _planted.kit
