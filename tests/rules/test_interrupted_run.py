"""`interrupted-run`: with the examples in its module."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kerasdoctor import engine
from kerasdoctor.examples import cut, shuffled_digits
from kerasdoctor.record import Outcome


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(status="interrupted", epochs=10), True),
        (Outcome(status="interrupted", epochs=0), False),
        # in the validation of the last one
        (Outcome(status="interrupted", epochs=20), False),
        (Outcome(status="finished", epochs=20), False),
        (Outcome(status="stopped_early", epochs=10), False),
    ],
)
def test_only_an_interrupt_with_epochs_left(outcome: Outcome, told: bool) -> None:
    record = cut(shuffled_digits(), max(1, outcome.epochs))
    record.fit = replace(record.fit, epochs=20)
    record.outcome = outcome
    names = [diagnosis.name for diagnosis in engine.diagnose(record).diagnoses]
    assert ("interrupted-run" in names) == told


def test_the_cell_goes_on_behind_the_interrupt() -> None:
    record = cut(shuffled_digits(), 10)
    record.fit = replace(record.fit, epochs=20)
    record.outcome = Outcome(status="interrupted", epochs=10)
    (found,) = [found for found in engine.diagnose(record).diagnoses if found.name == "interrupted-run"]
    first = found.causes[0].prescriptions[0]
    assert first.name == "continue-training"
    assert "initial_epoch=10" in first.source
    assert "epochs=20" in first.source
    assert "clone_model" not in first.source
