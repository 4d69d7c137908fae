"""Keras Doctor examines a Keras training run, names the cause, shows the evidence and writes the fix.

In a notebook: `%load_ext kerasdoctor`, then `%kdoctor fit model.fit(...)`. Without one: `kerasdoctor.watch()` or
`kerasdoctor.Doctor()`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasdoctor.engine import diagnose
    from kerasdoctor.errors import UsageError
    from kerasdoctor.instrumentation.doctor import Doctor
    from kerasdoctor.instrumentation.watching import Watch, watch
    from kerasdoctor.notebook.magic import load_ipython_extension, unload_ipython_extension
    from kerasdoctor.record import TrainingRecord
    from kerasdoctor.report import Report

__version__ = "0.1.0"

# imported when used: `import kerasdoctor` loads neither keras nor IPython
_LAZY = {
    "diagnose": "kerasdoctor.engine",
    "UsageError": "kerasdoctor.errors",
    "Doctor": "kerasdoctor.instrumentation.doctor",
    "Watch": "kerasdoctor.instrumentation.watching",
    "watch": "kerasdoctor.instrumentation.watching",
    "load_ipython_extension": "kerasdoctor.notebook.magic",
    "unload_ipython_extension": "kerasdoctor.notebook.magic",
    "TrainingRecord": "kerasdoctor.record",
    "Report": "kerasdoctor.report",
}

__all__ = [
    "Doctor",
    "Report",
    "TrainingRecord",
    "UsageError",
    "Watch",
    "diagnose",
    "load_ipython_extension",
    "unload_ipython_extension",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
