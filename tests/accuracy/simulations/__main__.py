"""Prints the tables; `--write` keeps them in RESULTS.md."""

import inspect
import sys
import time
from pathlib import Path

from tests.accuracy.simulations.tables import TABLES

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# What the thresholds give

Written by `python -m tests.accuracy.simulations --write`; the seeds are fixed.
"""


def main() -> None:
    parts = [HEAD]
    for function in TABLES:
        began = time.perf_counter()
        text = inspect.getdoc(function) or ""
        parts.append(f"## {function.__name__.replace('_', ' ')}\n\n{text}\n\n{function()}\n")
        print(parts[-1], flush=True)
        print(f"({time.perf_counter() - began:.0f} s)\n", file=sys.stderr)
    if "--write" in sys.argv:
        RESULTS.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
