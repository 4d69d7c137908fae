"""What the names of `%kdoctor fix` resolve to."""

from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    CellEdit,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Status,
    Verdict,
)
from kerasdoctor.errors import UsageError
from kerasdoctor.notebook import cells
from kerasdoctor.record import TrainingRecord
from kerasdoctor.report import Report

CONFIRMED, POSSIBLE = Status.CONFIRMED, Status.POSSIBLE


def fix(number: int, name: str) -> Prescription:
    return Prescription(number, name, name, f"code {number}", Applicability.UNSAFE)


def cause(name: str, status: Status, *fixes: Prescription) -> CauseFinding:
    return CauseFinding(name, "why", status, Evidence("seen"), fixes)


def diagnosis(name: str, *causes: CauseFinding) -> Diagnosis:
    return Diagnosis(name, "optimization", Severity.WARNING, "message", (Evidence("seen"),), causes)


def runs(*diagnoses: Diagnosis) -> dict[str, Report]:
    return {"1": Report(TrainingRecord(run="1"), Verdict("flat", "flat", "", ""), diagnoses, ())}


LOWER, BATCH, DROPOUT, STOP = fix(1, "smaller-learning-rate"), fix(2, "larger-batch"), fix(3, "dropout"), fix(4, "stop")
RUNS = runs(
    # the fix of the second diagnosis' confirmed cause has its number, and its code, from the first diagnosis
    diagnosis("learning-rate-too-high", cause("long-steps", CONFIRMED, LOWER)),
    diagnosis(
        "oscillating-validation",
        cause("learning-rate-too-large", CONFIRMED, LOWER),
        cause("batch-too-small", POSSIBLE, BATCH),
        cause("overfitting", POSSIBLE, STOP),
    ),
    diagnosis("overfitting", cause("no-regularization", POSSIBLE, DROPOUT), cause("trained-too-long", POSSIBLE, STOP)),
    diagnosis("small-dataset", cause("few-rows", CONFIRMED), cause("large-network", POSSIBLE, DROPOUT)),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("oscillating-validation", LOWER),
        # a diagnosis goes before a cause of that name
        ("overfitting", DROPOUT),
        ("batch-too-small", BATCH),
        ("stop", STOP),
        ("3", DROPOUT),
        ("1.2", BATCH),
        ("1.oscillating-validation", LOWER),
    ],
)
def test_names(wanted: str, found: Prescription) -> None:
    assert cells.find(wanted, RUNS) is found


def test_a_confirmed_cause_without_a_fix_is_not_treated_by_that_of_a_possible_one() -> None:
    with pytest.raises(UsageError, match=r"its confirmed cause \(few-rows\); for causes .* only possible there are 3"):
        cells.find("small-dataset", RUNS)


def test_what_is_not_there() -> None:
    with pytest.raises(UsageError, match="there is no fix 'negative-loss': run 1 has 1 "):
        cells.find("negative-loss", RUNS)


def test_edits_are_one_cell_and_what_is_none_says_so() -> None:
    edits = (CellEdit("a = 1\n", "a = 2\n", 3), CellEdit("fit()", "fit(b)", 4))
    assert cells.edited(replace(LOWER, edits=edits), "1") == "a = 2\n\nfit(b)"
    with pytest.raises(UsageError, match=r"fix 1 is no edit of your cells.*%kdoctor fix 1 writes"):
        cells.edited(LOWER, "1")
    magic = (*edits, CellEdit("%%time\nfit()", "%%time\nfit(b)", 5))
    with pytest.raises(UsageError, match="a magic of its own"):
        cells.edited(replace(LOWER, edits=magic), "1")
