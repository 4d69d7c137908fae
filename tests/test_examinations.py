"""The learning rate in words: as it was used."""

import numpy as np
import pytest

from kerasdoctor.diagnosis import Evidence
from kerasdoctor.examinations import at_rate, used_rate
from kerasdoctor.examples import dead_digits, digits_thrown_off, digits_with_a_spike
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import Compile, TrainingRecord
from tests.rules.differential import cause


def rates(*values: float) -> LearningRate:
    found = LearningRate()
    found.extend(range(1, len(values) + 1), np.array(values))
    return found


@pytest.mark.parametrize(
    ("fixed", "used", "words"),
    [
        (0.01, None, "a learning rate of 0.01"),
        (0.01, (0.01,), "a learning rate of 0.01"),
        # a callback lowers the rate that was compiled, a schedule has none
        (0.01, (0.01, 0.001, 0.0001), "a learning rate between 0.0001 and 0.01"),
        (None, (0.0, 0.1, 0.05), "a learning rate between 0 and 0.1"),
        (None, (0.1, float("nan")), "a learning rate of 0.1"),
        (None, (float("nan"),), ""),
        (None, None, ""),
    ],
)
def test_the_rate_in_words(fixed: float | None, used: tuple[float, ...] | None, words: str) -> None:
    compiled = Compile(optimizer="SGD", learning_rate=fixed)
    measured = None if used is None else rates(*used)
    assert used_rate(compiled, measured) == words
    assert at_rate(compiled, measured) == (f", at {words}" if words else "")


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (dead_digits(), "dead-units"),
        (digits_thrown_off(), "learning-rate-too-high"),
        (digits_with_a_spike(), "loss-spike"),
    ],
)
def test_evidence_states_the_range_of_a_schedule(record: TrainingRecord, rule: str) -> None:
    record.quantities["learning_rate"] = rates(0.5, 0.25, 0.002)
    found: Evidence = cause(record, rule, "long-steps").evidence
    assert "a learning rate between 0.002 and 0.5" in found.statement
