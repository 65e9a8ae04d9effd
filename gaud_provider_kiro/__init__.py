"""The folder of a distribution, which hides its package from Python at the root: hand over the real one."""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_root = Path(__file__).resolve().parent.parent
_spec = PathFinder.find_spec(__name__, [entry for entry in sys.path if Path(entry).resolve() != _root])
if _spec is None or _spec.loader is None:
    raise ModuleNotFoundError(
        f"{__name__} is not installed for this Python, and this folder is only its source: "
        "run `pip install ./gaud_core ./gaud_provider_litellm`, or run .venv/bin/python after `make test`.",
        name=__name__,
    )
sys.modules[__name__] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[__name__])
