from typing import Any

import pytest

from tests.accuracy import checks
from tests.accuracy.programs.program import Program


def ends(first: float, late: float, last: float) -> dict[str, float]:
    values = first, late, last
    return {"first": first, "late": late, "last": last, "min": min(values), "max": max(values), "epochs": 3}


def healthy(**options: Any) -> Program:
    return Program("a", "healthy", "binary", print, reaches=("val_accuracy", 0.9), **options)


def test_a_healthy_program_reaches_what_it_says_and_keeps_it():
    learned = {"val_accuracy": ends(0.5, 0.9, 0.95), "val_loss": ends(1.0, 0.3, 0.2), "loss": ends(1.0, 0.3, 0.2)}
    assert checks.falls_short(healthy(), learned) == ""
    stuck = {**learned, "val_accuracy": ends(0.5, 0.5, 0.5)}
    assert checks.falls_short(healthy(), stuck) == "val_accuracy 0.500, should reach 0.9"
    spoiled = {**learned, "val_loss": ends(1.0, 0.2, 0.5)}
    assert "far above its best" in checks.falls_short(healthy(), spoiled)


@pytest.mark.parametrize(
    ("condition", "bites", "does_not"),
    [
        ("custom loss", {"loss": ends(1, 1, float("nan"))}, {"loss": ends(1, 1, 1)}),
        ("labels one and two", {"loss": ends(1, -1, -5)}, {"loss": ends(1, 0.5, 0.1)}),
        ("learning rate too low", {"loss": ends(1, 0.99, 0.98)}, {"loss": ends(1, 0.5, 0.1)}),
        (
            "overfitting",
            {"loss": ends(1, 0.5, 0.1), "val_loss": ends(1, 0.5, 0.9)},
            {"loss": ends(1, 0.5, 0.1), "val_loss": ends(1, 0.5, 0.5)},
        ),
        (
            "different range",
            {"loss": ends(1, 0.5, 0.1), "val_loss": ends(1, 5, 9)},
            {"loss": ends(1, 0.5, 0.1), "val_loss": ends(1, 0.5, 0.1)},
        ),
    ],
)
def test_a_fault_bites(condition: str, bites: checks.Curves, does_not: checks.Curves):
    program = Program("a", "faulty", "binary", print, (condition,))
    assert checks.falls_short(program, bites) == ""
    assert checks.falls_short(program, does_not) == f"does not bite: {condition}"
