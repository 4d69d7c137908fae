"""The table in the repository tells of every prescription of every rule, and of no other."""

import re

from tests.fixes import campaign
from tests.fixes.__main__ import RESULTS
from tests.fixes.programs import NOTEBOOKS

#: The share of pairs that some notebook has to be offered: it may rise only.
OFFERED = 0.5


def test_every_prescription_has_a_case_or_is_said_to_have_none() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    missing = set(re.findall(r"^- ([\w-]+: [\w-]+: [\w-]+)$", text, re.MULTILINE))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count(" | ") >= 6]
    cases = {f"{rule}: {cause.split(' ')[0]}: {remedy}" for rule, cause, remedy, *_ in rows if rule in _rules()}
    expected = {str(pair) for pair in campaign.pairs()}
    again = "run `python -m tests.fixes --write`, with a notebook in tests/fixes/programs that is offered it"
    assert cases | missing == expected, f"{again}: {sorted((cases | missing) ^ expected)}"
    assert len(cases) >= OFFERED * len(expected)


def test_the_table_is_of_the_notebooks_that_there_are() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    shown = {name for name in NOTEBOOKS if f"| {name} |" in text or f"- {name}: " in text}
    assert shown == set(NOTEBOOKS)


def _rules() -> set[str]:
    return {pair.rule for pair in campaign.pairs()}
