"""The page of all diagnoses, written from the rules themselves.

`python -m tests.documentation` writes kerasdoctor/rules/README.md.
"""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path

import kerasdoctor.rules
from kerasdoctor.rule import Rule, discover

PAGE = Path(kerasdoctor.rules.__path__[0]) / "README.md"
TITLES = {
    "data": "Data",
    "model": "Model, loss and labels",
    "optimization": "Optimization",
    "generalization": "Generalization and stopping",
    "loop": "The training loop",
}


def page() -> str:
    """The Markdown of the page."""
    rules = sorted(discover(), key=lambda rule: (list(TITLES).index(rule.family), rule.name))
    lines = [
        "# The diagnoses",
        "",
        f"{len(rules)} diagnoses; this page is written by `nox -s docs` from the rules in this folder, one file each.",
        "`%kdoctor explain NAME` prints what each sees, how its causes are told apart, and its sources.",
    ]
    for family, members in groupby(rules, key=lambda rule: rule.family):
        lines += ["", f"## {TITLES[family]}", "", "| diagnosis | | what it is | causes that it tells apart |"]
        lines += ["| --- | --- | --- | --- |", *map(_row, members)]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    summary = (inspect.getdoc(type(rule)) or "").partition("\n")[0]
    causes = "; ".join(cause.explanation for cause in rule.causes)
    cells = (f"[`{rule.name}`]({type(rule).__module__.rpartition('.')[2]}.py)", rule.severity.label, summary, causes)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
