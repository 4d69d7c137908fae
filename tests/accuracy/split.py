"""Which half of the programs thresholds may be chosen on, and which half is only ever used for the published figure.

`python -m tests.accuracy.split` writes split.json. It was written, and committed, before any rule was run on a program;
no program is added, renamed or given another fault afterwards, since that would draw another split.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from tests.accuracy.programs.program import Program

Part = Literal["development", "published"]
PARTS: tuple[Part, Part] = ("development", "published")
FILE = Path(__file__).with_name("split.json")
SALT = "kerasdoctor accuracy, 24 November 2026"


def draw(programs: list[Program]) -> dict[str, Part]:
    """Halves of each kind: in order of task or conditions, and of a salted hash among equals, parts take turns."""
    parts: dict[str, Part] = {}
    for kind in ("healthy", "faulty", "two faults"):
        of_kind = [program for program in programs if program.kind == kind]
        of_kind.sort(key=lambda program: (program.conditions or (program.task,), _hash(program.name)))
        # which part begins a pair is drawn too: else every odd stratum gave its extra program to the same part
        for place, program in enumerate(of_kind):
            first = _hash(f"{kind} {place // 2}") % 2
            parts[program.name] = PARTS[(place + first) % 2]
    return dict(sorted(parts.items()))


def load() -> dict[str, Part]:
    """Name of the program -> its part."""
    parts: dict[str, Part] = json.loads(FILE.read_text(encoding="utf-8"))
    return parts


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{SALT} {text}".encode()).digest()[:8], "big")


if __name__ == "__main__":
    from tests.accuracy.programs import PROGRAMS

    FILE.write_text(json.dumps(draw(list(PROGRAMS.values())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
